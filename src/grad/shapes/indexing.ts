// Shape rules of operators that join, cut and look up elements. Semantics: onnx/docs/Operators.md.

import { DataType, elementCount } from '../../onnx/graph.ts';
import { axisOf, withDim } from '../build/dims.ts';
import type { Call, Rule } from './call.ts';
import { stridesOf, view } from './content.ts';
import { holding, shaped, type Value } from './value.ts';

const concat: Rule = (call) => {
  const parts = call.all;
  const first = call.at(0);
  const axis = call.axis(first.dims.length, 0);
  for (const { dims } of parts)
    if (dims.length !== first.dims.length || dims.some((d, k) => k !== axis && d !== first.dims[k]))
      call.fail(`parts of dims [${first.dims.join(', ')}] and [${dims.join(', ')}] do not join`);
  const sizes = parts.map(({ dims }) => dims[axis] as number);
  const dims = withDim(
    first.dims,
    axis,
    sizes.reduce((a, b) => a + b),
  );
  const inner = elementCount(first.dims.slice(axis + 1));
  const outer = elementCount(first.dims.slice(0, axis));
  const contents = parts.flatMap(({ data }) => (data ? [data] : []));
  if (contents.length < parts.length) return [shaped(first.type, dims)];
  const data: number[] = [];
  for (let o = 0; o < outer; o++)
    for (const [k, content] of contents.entries()) {
      const row = (sizes[k] as number) * inner;
      for (let j = o * row; j < (o + 1) * row; j++) data.push(content[j] as number);
    }
  return [holding(first.type, dims, data)];
};

/** The elements start, start + step, ... (`count` of them) along one axis. */
function along(x: Value, axis: number, start: number, count: number, step: number): Value {
  const strides = stridesOf(x.dims);
  const dims = withDim(x.dims, axis, count);
  const offset = start * (strides[axis] as number);
  const data = view(x.data, dims, withDim(strides, axis, (strides[axis] as number) * step), offset);
  return holding(x.type, dims, data);
}

const split: Rule = (call) => {
  const x = call.at(0);
  const axis = call.axis(x.dims.length, 0);
  const size = x.dims[axis] as number;
  const chunk = Math.ceil(size / call.outputs);
  const sizes =
    call.list('split', 1) ??
    Array.from({ length: call.outputs }, (_, k) => Math.min(chunk, size - k * chunk));
  let start = 0;
  return sizes.map((count) => {
    start += count;
    return along(x, axis, start - count, count, 1);
  });
};

const slice: Rule = (call) => {
  const asInputs = call.has(1);
  const starts = asInputs ? call.content(1) : (call.ints('starts') ?? []);
  const ends = asInputs ? call.content(2) : (call.ints('ends') ?? []);
  const axes = call.list('axes', 3) ?? [...starts.keys()];
  const steps = call.has(4) ? call.content(4) : starts.map(() => 1);
  return [
    axes.reduce((x, given, k) => {
      const axis = axisOf(given, x.dims.length);
      const step = steps[k] as number;
      const span = spanOf(x.dims[axis] as number, starts[k] as number, ends[k] as number, step);
      return along(x, axis, span.start, span.count, step);
    }, call.at(0)),
  ];
};

/** What start:end:step takes of `size` elements, with negative steps too (Slice-13). */
function spanOf(
  size: number,
  start: number,
  end: number,
  step: number,
): { start: number; count: number } {
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (x: number, least: number): number =>
    Math.min(Math.max(x < 0 ? x + size : x, least), high);
  const from = clamp(start, Math.max(low, 0));
  // ONNX Runtime takes the largest integers for "to the end" in both directions.
  const to = step < 0 && (end === 2 ** 31 - 1 || end >= 2 ** 63) ? -1 : clamp(end, low);
  return { start: from, count: Math.max(0, Math.ceil((to - from) / step)) };
}

const gather: Rule = (call) => {
  const [x, indices] = [call.at(0), call.at(1)];
  const axis = call.axis(x.dims.length, 0);
  const [before, after] = [x.dims.slice(0, axis), x.dims.slice(axis + 1)];
  const dims = [...before, ...indices.dims, ...after];
  const { data } = x;
  if (data === null || indices.data === null) return [shaped(x.type, dims)];
  const [size, inner] = [x.dims[axis] as number, elementCount(after)];
  const out: number[] = [];
  for (let o = 0; o < elementCount(before); o++)
    for (const index of indices.data) {
      const from = (o * size + (index < 0 ? index + size : index)) * inner;
      for (let j = from; j < from + inner; j++) out.push(data[j] as number);
    }
  return [holding(x.type, dims, out)];
};

const gatherND: Rule = (call) => {
  const [x, indices] = [call.at(0), call.at(1)];
  const batch = call.int('batch_dims', 0);
  const depth = call.dim(1, -1);
  const rest = x.dims.slice(batch + depth);
  const dims = [...indices.dims.slice(0, -1), ...rest];
  const { data } = x;
  if (data === null || indices.data === null) return [shaped(x.type, dims)];
  const strides = stridesOf(x.dims);
  const inner = elementCount(rest);
  const rows = elementCount(indices.dims.slice(0, -1));
  const perBatch = rows / elementCount(x.dims.slice(0, batch));
  const ofBatch = elementCount(x.dims.slice(batch));
  const out: number[] = [];
  for (let row = 0; row < rows; row++) {
    const index = indices.data.slice(row * depth, (row + 1) * depth);
    const from = placeOf(index, x.dims.slice(batch), strides.slice(batch));
    const start = Math.floor(row / perBatch) * ofBatch + from;
    for (let j = start; j < start + inner; j++) out.push(data[j] as number);
  }
  return [holding(x.type, dims, out)];
};

/** Position of the element, or of the first of a part, at an index. */
function placeOf(
  index: readonly number[],
  dims: readonly number[],
  strides: readonly number[],
): number {
  return index.reduce(
    (sum, i, k) => sum + (i < 0 ? i + (dims[k] as number) : i) * (strides[k] as number),
    0,
  );
}

const scatterND: Rule = (call) => {
  const [x, indices, updates] = [call.at(0), call.at(1), call.at(2)];
  const replaces = call.text('reduction', 'none') === 'none';
  if (x.data === null || indices.data === null || updates.data === null || !replaces)
    return [shaped(x.type, x.dims)];
  const depth = call.dim(1, -1);
  const strides = stridesOf(x.dims);
  const inner = elementCount(x.dims.slice(depth));
  const out = [...x.data];
  for (let row = 0; row * inner < updates.data.length; row++) {
    const index = indices.data.slice(row * depth, (row + 1) * depth);
    const to = placeOf(index, x.dims, strides);
    for (let j = 0; j < inner; j++) out[to + j] = updates.data[row * inner + j] as number;
  }
  return [holding(x.type, x.dims, out)];
};

const pad: Rule = (call) => {
  const x = call.at(0);
  const pads = call.list('pads', 1) ?? [];
  const rank = x.dims.length;
  const axes = call.has(3) ? call.content(3).map((axis) => axisOf(axis, rank)) : [...x.dims.keys()];
  const dims = [...x.dims];
  for (const [k, axis] of axes.entries())
    dims[axis] = (dims[axis] as number) + (pads[k] as number) + (pads[k + axes.length] as number);
  return [shaped(x.type, dims)];
};

const trilu: Rule = (call) => {
  const x = call.at(0);
  const upper = call.int('upper', 1) === 1;
  const k = call.has(1) ? call.at(1).data?.[0] : 0;
  if (k === undefined) return [shaped(x.type, x.dims)];
  const [rows, columns] = [call.dim(0, -2), call.dim(0, -1)];
  const data = x.data?.map((value, at) => {
    const [row, column] = [Math.floor(at / columns) % rows, at % columns];
    return (upper ? column - row >= k : column - row <= k) ? value : 0;
  });
  return [holding(x.type, x.dims, data ?? null)];
};

const oneHot: Rule = (call) => {
  const { dims } = call.at(0);
  const axis = axisOf(call.int('axis', -1), dims.length + 1);
  const depth = call.content(1)[0] as number;
  return [shaped(call.at(2).type, [...dims.slice(0, axis), depth, ...dims.slice(axis)])];
};

const topK: Rule = (call) => {
  const { type, dims } = call.at(0);
  const count = call.has(1) ? (call.content(1)[0] as number) : call.requiredInt('k');
  const kept = withDim(dims, call.axis(dims.length, -1), count);
  return [shaped(type, kept), shaped(DataType.int64, kept)];
};

/** How many elements are not zero is known only where they are. */
const nonZero: Rule = (call) => {
  const { dims } = call.at(0);
  const strides = stridesOf(dims);
  const places = call.content(0).flatMap((value, at) => (value === 0 ? [] : [at]));
  const data = dims.flatMap((d, axis) =>
    places.map((at) => Math.floor(at / (strides[axis] as number)) % d),
  );
  return [holding(DataType.int64, [dims.length, places.length], data)];
};

/** Type and dims of the first operand: a tensor into which elements are written. */
const written = (call: Call): readonly Value[] => [shaped(call.at(0).type, call.at(0).dims)];

export const INDEXING: Readonly<Record<string, Rule>> = {
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: (call) => [shaped(call.at(0).type, call.at(1).dims)],
  GatherND: gatherND,
  ScatterND: scatterND,
  ScatterElements: written,
  TensorScatter: written,
  Pad: pad,
  Trilu: trilu,
  OneHot: oneHot,
  TopK: topK,
  NonZero: nonZero,
};
