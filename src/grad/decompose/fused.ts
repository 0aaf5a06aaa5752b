// A fused operator on its way to primitive ones: its operands by name, and the nodes that replace
// it.

import type { Node } from '../../onnx/graph.ts';
import type { Builder } from '../build/builder.ts';
import { Call } from '../shapes/call.ts';

/**
 * Appends primitive nodes that compute the outputs of a fused one, in order; outputs that a chain
 * of blocks never reads (caches, states) may be missing. Of the forms that are not known the error
 * says which.
 */
export type Decomposition = (at: Fused) => readonly string[];

/** Content of a value that is known before the run, or null. */
export type Known = (value: string) => readonly number[] | null;

export class Fused extends Call {
  readonly b: Builder;

  constructor(b: Builder, node: Node, known: Known) {
    const operands = node.inputs.map((name) =>
      name === '' ? null : { ...b.value(name), data: known(name) },
    );
    super(node, operands, b.opset);
    this.b = b;
  }

  /** The name of an operand. @throws EspalierError `unsupported-op` when it is omitted */
  name(k: number): string {
    return this.has(k) ? (this.node.inputs[k] as string) : this.fail(`its input ${k} is missing`);
  }

  /** Requires an operand to be omitted. */
  without(k: number, what: string): void {
    if (this.has(k)) this.fail(`${what} is not known here`);
  }

  /** Requires a past to be omitted or empty along an axis. */
  withoutPast(k: number, axis: number): void {
    if (this.has(k) && this.dim(k, axis) > 0) this.fail('it reads earlier positions from a cache');
  }
}
