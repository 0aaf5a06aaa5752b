// What a rule of differentiation is: from the gradient of a node's outputs to those of its inputs.

import { EspalierError } from '../../errors.ts';
import type { Node } from '../../onnx/graph.ts';
import { nodeInWords } from '../../onnx/operators.ts';
import type { Builder } from '../build/builder.ts';

/** One node of the reverse sweep. L is the loss; the gradient of a value v is dL/dv. */
export interface RuleContext {
  readonly b: Builder;
  readonly node: Node;
  /**
   * Gradient of an output, the first by default.
   * @throws EspalierError `bug` when nothing depends on that output.
   */
  d(output?: number): string;
  /** True when something depends on that output. */
  has(output: number): boolean;
  /** True when the gradient of that input is wanted. */
  wants(input: number): boolean;
  /** Adds to the gradient of a wanted input: a value of the input's dims, made only then. */
  give(input: number, gradient: () => string): void;
  /**
   * Adds transpose(left) x right, (T, m) and (T, n), to the gradient of a wanted matrix (m, n): the
   * form in which weights are read out in stripes.
   */
  giveProduct(input: number, factors: () => readonly [left: string, right: string]): void;
  /** The integers of an input whose content is a constant of the graph or of the run's shape. */
  ints(input: number): readonly number[] | null;
  /** The elements of a constant input of any type; null when it is none. */
  known(input: number): readonly number[] | null;
}

/** A vector-Jacobian product. It appends nodes and gives gradients to the wanted inputs. */
export type Rule = (at: RuleContext) => void;

/** The error of a node in a form that its rule does not know. */
export function unknownForm(node: Node, what: string): EspalierError {
  return new EspalierError(
    'unsupported-op',
    `${nodeInWords(node)} cannot be differentiated ${what}.`,
    'Criteria without gradients can still be computed.',
  );
}
