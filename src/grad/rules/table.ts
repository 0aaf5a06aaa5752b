// The rules of differentiation: one entry for each operator.

import type { Node } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import * as elementwise from './elementwise.ts';
import * as layout from './layout.ts';
import * as norms from './norms.ts';
import * as products from './products.ts';
import type { Rule } from './rule.ts';
import * as selection from './selection.ts';

/** By the name of `operatorName`. The formula of each rule stands where it is written. */
export const RULES: Readonly<Record<string, Rule>> = {
  Abs: elementwise.abs,
  Add: elementwise.add,
  Cast: elementwise.cast,
  CastLike: elementwise.cast,
  Clip: elementwise.clip,
  Concat: layout.concat,
  Cos: elementwise.cos,
  Div: elementwise.div,
  Einsum: products.einsum,
  Erf: elementwise.erf,
  Exp: elementwise.exp,
  Expand: layout.expand,
  Flatten: layout.reshape,
  Gather: layout.gather,
  GatherElements: selection.gatherElements,
  Gemm: products.gemm,
  Identity: elementwise.identity,
  LayerNormalization: norms.layerNorm,
  Log: elementwise.log,
  LogSoftmax: norms.logSoftmax,
  LpNormalization: norms.lpNorm,
  MatMul: products.matmul,
  Max: elementwise.extreme,
  Min: elementwise.extreme,
  Mul: elementwise.mul,
  Neg: elementwise.neg,
  Pad: layout.pad,
  Pow: elementwise.pow,
  RMSNormalization: norms.rmsNorm,
  Reciprocal: elementwise.reciprocal,
  ReduceL2: layout.reduceL2,
  ReduceMean: layout.reduceMean,
  ReduceSum: layout.reduceSum,
  ReduceSumSquare: layout.reduceSumSquare,
  Relu: elementwise.relu,
  Reshape: layout.reshape,
  ScatterElements: selection.scatterElements,
  Sigmoid: elementwise.sigmoid,
  SimplifiedLayerNormalization: norms.rmsNorm,
  Sin: elementwise.sin,
  Slice: layout.slice,
  Softmax: norms.softmax,
  Softplus: elementwise.softplus,
  Split: layout.split,
  Sqrt: elementwise.sqrt,
  Squeeze: layout.reshape,
  Sub: elementwise.sub,
  Sum: elementwise.addAll,
  Tanh: elementwise.tanh,
  Tile: layout.tile,
  TopK: selection.topK,
  Transpose: layout.transpose,
  Unsqueeze: layout.reshape,
  Where: elementwise.where,
};

/** The rule of a node's operator, or null. */
export function ruleOf(node: Pick<Node, 'domain' | 'op'>): Rule | null {
  const name = operatorName(node);
  return Object.hasOwn(RULES, name) ? (RULES[name] as Rule) : null;
}

/**
 * Operators whose results do not depend on their operands smoothly, or only on their sizes: no
 * gradient goes through them, and none is needed.
 */
export const STOPS: ReadonlySet<string> = new Set([
  ...['Shape', 'Size', 'ConstantOfShape', 'Range', 'NonZero', 'OneHot', 'ArgMax', 'ArgMin'],
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'IsNaN', 'IsInf'],
  ...['Not', 'And', 'Or', 'Xor', 'Sign', 'Floor', 'Ceil', 'Round'],
]);
