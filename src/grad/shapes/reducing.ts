// Shape rules of reductions and of operators that normalise along axes. Semantics:
// onnx/docs/Operators.md and onnxruntime/docs/ContribOperators.md.

import { DataType, elementCount } from '../../onnx/graph.ts';
import { axisOf } from '../build/dims.ts';
import type { Rule } from './call.ts';
import { stridesOf, view } from './content.ts';
import { likeFirst } from './elementwise.ts';
import { computable, holding, shaped, stored, type Value } from './value.ts';

type Combine = (a: number, b: number) => number;

/** Reduces over the axes given as attribute or input: all where there are none. */
const reduce =
  (combine?: Combine): Rule =>
  (call) => {
    const x = call.at(0);
    const given = call.list('axes', 1) ?? [];
    if (given.length === 0 && call.int('noop_with_empty_axes', 0) === 1) return [x];
    const all = [...x.dims.keys()];
    const over = new Set(given.length > 0 ? given.map((k) => axisOf(k, all.length)) : all);
    const dims = left(x.dims, over, call.int('keepdims', 1) === 1);
    return [combine ? combined(x, dims, over, combine) : shaped(x.type, dims)];
  };

/** Dims after a reduction; the axes reduced over stay with size 1 where they are kept. */
function left(dims: readonly number[], over: ReadonlySet<number>, keeps: boolean): number[] {
  return keeps ? dims.map((d, k) => (over.has(k) ? 1 : d)) : dims.filter((_, k) => !over.has(k));
}

function combined(
  x: Value,
  dims: readonly number[],
  over: ReadonlySet<number>,
  combine: Combine,
): Value {
  if (x.data === null || x.data.length === 0 || !computable(x.type, x.dims))
    return shaped(x.type, dims);
  const axes = [...x.dims.keys()];
  const order = [...axes.filter((k) => !over.has(k)), ...axes.filter((k) => over.has(k))];
  const strides = stridesOf(x.dims);
  const sorted = view(
    x.data,
    order.map((k) => x.dims[k] as number),
    order.map((k) => strides[k] as number),
  );
  const size = x.data.length / elementCount(dims);
  const data = Array.from({ length: elementCount(dims) }, (_, k) =>
    (sorted ?? []).slice(k * size, (k + 1) * size).reduce((a, b) => stored(x.type, combine(a, b))),
  );
  return holding(x.type, dims, data);
}

const place: Rule = (call) => {
  const { dims } = call.at(0);
  const axis = call.axis(dims.length, 0);
  const keeps = call.int('keepdims', 1) === 1;
  return [shaped(DataType.int64, left(dims, new Set([axis]), keeps))];
};

/** The normalised value, then mean and inverse deviation of each row. */
const layerNorm: Rule = (call) => {
  const { type, dims } = call.at(0);
  const axis = call.axis(dims.length, -1);
  const rows = shaped(
    DataType.float,
    dims.map((d, k) => (k < axis ? d : 1)),
  );
  return [shaped(type, dims), rows, rows];
};

/** SimplifiedLayerNormalization has no mean. */
const rmsNorm: Rule = (call) => layerNorm(call).slice(0, 2);

/** Output 3 is the sum that was normalised. */
const skipNorm: Rule = (call) => {
  const { type, dims } = call.at(0);
  const rows = shaped(
    DataType.float,
    dims.map((d, k) => (k < dims.length - 1 ? d : 1)),
  );
  return [shaped(type, dims), rows, rows, shaped(type, dims)];
};

export const REDUCING: Readonly<Record<string, Rule>> = {
  ReduceSum: reduce((a, b) => a + b),
  ReduceProd: reduce((a, b) => a * b),
  ReduceMax: reduce(Math.max),
  ReduceMin: reduce(Math.min),
  ReduceMean: reduce(),
  ReduceL1: reduce(),
  ReduceL2: reduce(),
  ReduceSumSquare: reduce(),
  ReduceLogSumExp: reduce(),
  ArgMax: place,
  ArgMin: place,
  Softmax: likeFirst,
  LogSoftmax: likeFirst,
  LpNormalization: likeFirst,
  LayerNormalization: layerNorm,
  SimplifiedLayerNormalization: rmsNorm,
  RMSNormalization: likeFirst,
  'com.microsoft.SkipLayerNormalization': skipNorm,
  'com.microsoft.SkipSimplifiedLayerNormalization': skipNorm,
  'com.microsoft.GatedRMSNorm': likeFirst,
  'com.microsoft.GatedAdd': likeFirst,
};
