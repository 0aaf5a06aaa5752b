// One node as a shape rule sees it: its operands, its attributes, and the words to refuse it with.

import { EspalierError } from '../../errors.ts';
import type { Node } from '../../onnx/graph.ts';
import { floatAttribute, intAttribute } from '../../onnx/graph.ts';
import { nodeInWords } from '../../onnx/operators.ts';
import { intsAttribute, textAttribute } from '../build/attributes.ts';
import { axisOf } from '../build/dims.ts';
import type { Value } from './value.ts';

/** What is known of the outputs of a node, in order; outputs that nothing reads may be missing. */
export type Rule = (call: Call) => readonly Value[];

export class Call {
  readonly node: Node;
  /** Version of ai.onnx that the graph is written for. */
  readonly opset: number;
  private readonly operands: readonly (Value | null)[];

  constructor(node: Node, operands: readonly (Value | null)[], opset: number) {
    this.node = node;
    this.operands = operands;
    this.opset = opset;
  }

  /** All operands that are given. */
  get all(): readonly Value[] {
    return this.operands.filter((value) => value !== null);
  }

  /** How many outputs the node names. */
  get outputs(): number {
    return this.node.outputs.length;
  }

  has(k: number): boolean {
    return (this.operands[k] ?? null) !== null;
  }

  maybe(k: number): Value | null {
    return this.operands[k] ?? null;
  }

  at(k: number): Value {
    return this.operands[k] ?? this.fail(`its input ${k} is missing`);
  }

  /** A dimension of an operand; negative axes count from the end. */
  dim(k: number, axis: number): number {
    const size = this.at(k).dims.at(axis);
    return size ?? this.fail(`its input ${k} has no axis ${axis}`);
  }

  /** The content of an operand that decides about the dims of the result. */
  content(k: number): readonly number[] {
    const { data } = this.at(k);
    return (
      data ?? this.fail(`its output has dims that depend on what is in "${this.node.inputs[k]}"`)
    );
  }

  int(name: string, otherwise: number): number {
    return intAttribute(this.node, name) ?? otherwise;
  }

  /** @throws EspalierError for an attribute without a default that is not there. */
  requiredInt(name: string): number {
    return intAttribute(this.node, name) ?? this.fail(`it has no attribute ${name}`);
  }

  float(name: string, otherwise: number): number {
    return floatAttribute(this.node, name) ?? otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    return intsAttribute(this.node, name);
  }

  text(name: string, otherwise: string): string {
    return textAttribute(this.node, name) ?? otherwise;
  }

  /** The attribute `axis` counted from the front of a tensor of this rank. */
  axis(rank: number, otherwise: number): number {
    return axisOf(this.int('axis', otherwise), rank);
  }

  /** A list that older opsets have as an attribute and newer ones as an input; null without it. */
  list(name: string, k: number): readonly number[] | null {
    return this.has(k) ? this.content(k) : (this.ints(name) ?? null);
  }

  /** @throws EspalierError `unsupported-op` that names operator and node. */
  fail(reason: string): never {
    throw new EspalierError(
      'unsupported-op',
      `${nodeInWords(this.node)} cannot be differentiated: ${reason}.`,
      'Criteria without gradients can still be computed.',
    );
  }
}
