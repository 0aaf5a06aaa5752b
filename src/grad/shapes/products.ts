// Shape rules of matrix products, convolutions and quantised operators. Semantics:
// onnx/docs/Operators.md and onnxruntime/docs/ContribOperators.md.

import { DataType } from '../../onnx/graph.ts';
import { axisOf, broadcast } from '../build/dims.ts';
import type { Call, Rule } from './call.ts';
import { likeFirst } from './elementwise.ts';
import { shaped } from './value.ts';

type Dims = readonly number[];

/** Dims of a product as numpy.matmul has them: vectors count as a row or a column. */
function productDims(call: Call, a: Dims, b: Dims): number[] {
  const x = a.length === 1 ? [1, ...a] : a;
  const y = b.length === 1 ? [...b, 1] : b;
  if (x.at(-1) !== y.at(-2))
    call.fail(`[${a.join(', ')}] times [${b.join(', ')}] is not a matrix product`);
  return [
    ...broadcast(x.slice(0, -2), y.slice(0, -2), 'MatMul'),
    ...(a.length === 1 ? [] : [x.at(-2) as number]),
    ...(b.length === 1 ? [] : [y.at(-1) as number]),
  ];
}

const matMul =
  (type?: DataType): Rule =>
  (call) => [shaped(type ?? call.at(0).type, productDims(call, call.at(0).dims, call.at(1).dims))];

const swapped = (dims: Dims): Dims => [
  ...dims.slice(0, -2),
  dims.at(-1) as number,
  dims.at(-2) as number,
];

const fusedMatMul: Rule = (call) => {
  if (call.int('transBatchA', 0) || call.int('transBatchB', 0))
    call.fail('it transposes the axes of its batches');
  const [a, b] = [call.at(0), call.at(1)];
  const x = call.int('transA', 0) ? swapped(a.dims) : a.dims;
  const y = call.int('transB', 0) ? swapped(b.dims) : b.dims;
  return [shaped(a.type, productDims(call, x, y))];
};

const gemm: Rule = (call) => {
  const rows = call.dim(0, call.int('transA', 0) ? 1 : 0);
  const columns = call.dim(1, call.int('transB', 0) ? 0 : 1);
  return [shaped(call.at(0).type, [rows, columns])];
};

/** Every index has a letter; those of the result are named, or are those that occur once. */
const einsum: Rule = (call) => {
  const equation = call.text('equation', '').replaceAll(' ', '');
  if (equation.includes('.')) call.fail(`its equation ${equation} leaves out indices`);
  const [left = '', named] = equation.split('->');
  const sizes = new Map<string, number>();
  for (const [k, indices] of left.split(',').entries())
    for (const [axis, index] of [...indices].entries()) {
      const size = call.dim(k, axis);
      if (size !== 1 || !sizes.has(index)) sizes.set(index, size);
    }
  const letters = left.replaceAll(',', '');
  const once = [...sizes.keys()].filter((x) => letters.split(x).length === 2).sort();
  const dims = [...(named ?? once.join(''))].map((index) => sizes.get(index) ?? 1);
  return [shaped(call.at(0).type, dims)];
};

const conv: Rule = (call) => {
  const [x, w] = [call.at(0), call.at(1)];
  const kernel = w.dims.slice(2);
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [call.ints('strides') ?? ones, call.ints('dilations') ?? ones];
  const pads = call.ints('pads') ?? [...kernel, ...kernel].map(() => 0);
  const auto = call.text('auto_pad', 'NOTSET');
  const spatial = kernel.map((size, k) => {
    const [input, stride] = [x.dims[k + 2] as number, strides[k] as number];
    if (auto.startsWith('SAME')) return Math.ceil(input / stride);
    const around = (pads[k] as number) + (pads[k + kernel.length] as number);
    const reach = (size - 1) * (dilations[k] as number) + 1;
    return Math.floor((input + (auto === 'NOTSET' ? around : 0) - reach) / stride) + 1;
  });
  return [shaped(x.type, [x.dims[0] as number, w.dims[0] as number, ...spatial])];
};

/** (..., K) times a quantised (N, K): (..., N). */
const matMulNBits: Rule = (call) => {
  const { type, dims } = call.at(0);
  return [shaped(type, [...dims.slice(0, -1), call.requiredInt('N')])];
};

/** Rows of a quantised table; `data` in bytes holds several numbers in each along its last axis. */
const gatherBlockQuantized: Rule = (call) => {
  const [table, indices, scales] = [call.at(0), call.at(1), call.at(2)];
  const packed = table.type === DataType.uint8 ? 8 / call.int('bits', 4) : 1;
  const rank = table.dims.length;
  const whole = table.dims.map((d, k) => (k === rank - 1 ? d * packed : d));
  const axis = axisOf(call.int('gather_axis', 0), rank);
  const dims = [...whole.slice(0, axis), ...indices.dims, ...whole.slice(axis + 1)];
  return [shaped(scales.type, dims)];
};

const quantise: Rule = (call) => {
  const type = call.maybe(2)?.type ?? (call.int('output_dtype', 0) || DataType.uint8);
  return [shaped(type, call.at(0).dims)];
};

export const PRODUCTS: Readonly<Record<string, Rule>> = {
  MatMul: matMul(),
  MatMulInteger: matMul(DataType.int32),
  Gemm: gemm,
  Einsum: einsum,
  Conv: conv,
  QuantizeLinear: quantise,
  DequantizeLinear: (call) => [
    shaped(call.int('output_dtype', 0) || call.at(1).type, call.at(0).dims),
  ],
  DynamicQuantizeLinear: (call) => [
    shaped(DataType.uint8, call.at(0).dims),
    shaped(DataType.float, []),
    shaped(DataType.uint8, []),
  ],
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.MatMulNBits': matMulNBits,
  'com.microsoft.DynamicQuantizeMatMul': matMul(),
  'com.microsoft.MatMulIntegerToFloat': (call) => [
    shaped(call.at(2).type, productDims(call, call.at(0).dims, call.at(1).dims)),
  ],
  'com.microsoft.GatherBlockQuantized': gatherBlockQuantized,
  'com.microsoft.QuantizeLinear': quantise,
  'com.microsoft.DequantizeLinear': (call) => [shaped(call.at(1).type, call.at(0).dims)],
  'com.microsoft.MoE': likeFirst,
  'com.microsoft.QMoE': likeFirst,
};
