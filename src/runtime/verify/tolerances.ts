// How closely an export must agree with scoring, by the precision that its graph computes in.

import { type StepChoice, stepsTolerance } from '../../model/export/steps.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { DataType, intAttribute } from '../../onnx/graph.ts';

/**
 * 'coarse': activations are quantised on the fly (int8 exports, accuracy level 4), where equal
 * graphs differ visibly.
 */
export type Precision = 'float32' | 'float16' | 'coarse';

export interface Tolerance {
  /** Relative difference of the mean NLL. */
  mean: number;
  /** Difference of one token's NLL, relative to its size or to 1 nat. */
  token: number;
  /** Largest logit difference of a decoding step, relative to the largest logit or to 1. */
  logits: number;
}

export const TOLERANCES: Readonly<Record<Precision, Tolerance>> = {
  float32: { mean: 1e-3, token: 5e-3, logits: 1e-3 },
  float16: { mean: 1e-2, token: 0.1, logits: 3e-2 },
  coarse: { mean: 2e-2, token: 1, logits: 0.25 },
};

/**
 * The limits of a precision, closer where a step of the export asks for that. Not of `coarse`: there
 * the last bit of a sum decides how an activation is rounded to 8 bits, so that two right runs of
 * one graph differ by as much as the rounding costs.
 */
export function limitsOf(precision: Precision, steps: readonly StepChoice[]): Tolerance {
  const limits = TOLERANCES[precision];
  if (precision === 'coarse') return limits;
  const { mean = limits.mean, float32Mean = limits.mean } = stepsTolerance(steps);
  const own = precision === 'float32' ? float32Mean : limits.mean;
  return { ...limits, mean: Math.min(mean, own) };
}

const DYNAMIC_OPS = new Set([
  'DynamicQuantizeLinear',
  'MatMulInteger',
  'DynamicQuantizeMatMul',
  'MatMulIntegerToFloat',
]);

/** The precision of a graph's activations. */
export function precisionOf({ structure }: OpenedModel): Precision {
  const { nodes } = structure.model.graph;
  const coarse = nodes.some(
    (node) =>
      DYNAMIC_OPS.has(node.op) ||
      (node.op === 'MatMulNBits' && intAttribute(node, 'accuracy_level') === 4),
  );
  if (coarse) return 'coarse';
  const states = new Set(
    structure.blocks.flatMap((block) => block.states.map((state) => state.input)),
  );
  const half =
    structure.cuts.some((cut) => structure.typeOf(cut) === DataType.float16) ||
    structure.model.graph.inputs.some(
      (input) => states.has(input.name) && input.type === DataType.float16,
    );
  return half ? 'float16' : 'float32';
}
