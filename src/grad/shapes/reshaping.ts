// Shape rules of operators that make, read or change dims without moving elements past each other.
// Semantics: onnx/docs/Operators.md.

import { DataType, elementCount } from '../../onnx/graph.ts';
import { axisOf, broadcast } from '../build/dims.ts';
import type { Call, Rule } from './call.ts';
import { spread, stridesOf, view } from './content.ts';
import { constantValue, holding, stored, type Value } from './value.ts';

const integers = (data: readonly number[], dims: readonly number[] = [data.length]): Value =>
  holding(DataType.int64, dims, data);

/** The same elements in the same order. */
const as = ({ type, data }: Value, dims: readonly number[]): Value => ({ type, dims, data });

const shape: Rule = (call) => {
  const { dims } = call.at(0);
  return [integers(dims.slice(call.int('start', 0), call.int('end', dims.length)))];
};

const constant: Rule = (call) => {
  for (const attribute of call.node.attributes.values())
    switch (attribute.kind) {
      case 'tensor':
        return [constantValue(attribute.value)];
      case 'int':
        return [integers([attribute.value], [])];
      case 'ints':
        return [integers(attribute.value)];
      case 'float':
        return [holding(DataType.float, [], [Math.fround(attribute.value)])];
      case 'floats':
        return [holding(DataType.float, [attribute.value.length], [...attribute.value])];
      case 'string':
        return [{ type: DataType.string, dims: [], data: null }];
    }
  return call.fail('it holds nothing that can be read');
};

const filled: Rule = (call) => {
  const dims = call.content(0);
  const value = call.node.attributes.get('value');
  const of =
    value?.kind === 'tensor' ? constantValue(value.value) : holding(DataType.float, [1], [0]);
  return [holding(of.type, dims, spread({ ...of, dims: [] }, dims))];
};

const range: Rule = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((k) => call.content(k)[0] as number) as [
    number,
    number,
    number,
  ];
  const { type } = call.at(0);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return [
    holding(
      type,
      [count],
      Array.from({ length: count }, (_, k) => stored(type, start + k * delta)),
    ),
  ];
};

const reshape: Rule = (call) => {
  const x = call.at(0);
  const keepsZeros = call.int('allowzero', 0) === 1;
  const asked = call.content(1).map((d, k) => (d === 0 && !keepsZeros ? call.dim(0, k) : d));
  const known = elementCount(asked.filter((d) => d !== -1));
  const dims = asked.map((d) => (d === -1 ? elementCount(x.dims) / known : d));
  if (elementCount(dims) !== elementCount(x.dims) || !dims.every(Number.isInteger))
    call.fail(`[${x.dims.join(', ')}] has no shape [${asked.join(', ')}]`);
  return [as(x, dims)];
};

const flatten: Rule = (call) => {
  const x = call.at(0);
  const given = call.int('axis', 1);
  const axis = given < 0 ? given + x.dims.length : given;
  return [as(x, [elementCount(x.dims.slice(0, axis)), elementCount(x.dims.slice(axis))])];
};

const squeeze: Rule = (call) => {
  const x = call.at(0);
  const given = call.list('axes', 1)?.map((axis) => axisOf(axis, x.dims.length));
  return [
    as(
      x,
      x.dims.filter((d, k) => (given ? !given.includes(k) : d !== 1)),
    ),
  ];
};

const unsqueeze: Rule = (call) => {
  const x = call.at(0);
  const given = call.list('axes', 1) ?? [];
  const rank = x.dims.length + given.length;
  const axes = new Set(given.map((axis) => axisOf(axis, rank)));
  let k = 0;
  return [
    as(
      x,
      Array.from({ length: rank }, (_, at) => (axes.has(at) ? 1 : (x.dims[k++] as number))),
    ),
  ];
};

const transpose: Rule = (call) => {
  const x = call.at(0);
  const perm = call.ints('perm') ?? [...x.dims.keys()].reverse();
  const strides = stridesOf(x.dims);
  const pick = (list: readonly number[]): number[] => perm.map((axis) => list[axis] as number);
  const dims = pick(x.dims);
  return [holding(x.type, dims, view(x.data, dims, pick(strides)))];
};

const expand: Rule = (call) => {
  const x = call.at(0);
  const dims = broadcast(x.dims, call.content(1), 'Expand');
  return [holding(x.type, dims, spread(x, dims))];
};

/** Every axis becomes (repeats, size), the repeats without a stride, and the pairs are joined. */
const tile: Rule = (call) => {
  const x = call.at(0);
  const repeats = call.content(1);
  const strides = stridesOf(x.dims);
  const data = view(
    x.data,
    x.dims.flatMap((d, k) => [repeats[k] as number, d]),
    strides.flatMap((stride) => [0, stride]),
  );
  return [
    holding(
      x.type,
      x.dims.map((d, k) => d * (repeats[k] as number)),
      data,
    ),
  ];
};

/** Content as it is, dims of another shape are not asked for: the size of a tensor. */
const size: Rule = (call: Call) => [integers([elementCount(call.at(0).dims)], [])];

export const RESHAPING: Readonly<Record<string, Rule>> = {
  Shape: shape,
  Size: size,
  Constant: constant,
  ConstantOfShape: filled,
  Range: range,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
};
