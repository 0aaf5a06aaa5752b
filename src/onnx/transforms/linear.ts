// Matrices of integers under scales of their own rows, columns or blocks, as DequantizeLinear reads
// them: to float32 and back, rounded to the nearest.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../graph.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { floatsOf, rowSource, sourceInto } from './rows.ts';
import { notFinite, numbersStored, storedNumbers } from './scales.ts';

/** All are parameters of the transforms. */
interface Linear {
  rows: number;
  columns: number;
  /** A scale is shared by so many rows and columns. */
  blockRows: number;
  blockColumns: number;
  /** ONNX element types of the integers and of the scales. */
  type: DataType;
  scales: DataType;
  /** There are zero points, of the integers' type. */
  zeros: boolean;
}

function formOf(parameters: Derivation['parameters']): Linear {
  const number = (name: string): number => Number(parameters[name] ?? 0);
  return {
    rows: number('rows'),
    columns: number('columns'),
    blockRows: number('blockRows'),
    blockColumns: number('blockColumns'),
    type: number('type'),
    scales: number('scales'),
    zeros: parameters.zeros === true,
  };
}

/** Bits and sign of the integers; null for other types. */
export function integerForm(type: DataType): { bits: 4 | 8; signed: boolean } | null {
  switch (type) {
    case DataType.int4:
      return { bits: 4, signed: true };
    case DataType.uint4:
      return { bits: 4, signed: false };
    case DataType.int8:
      return { bits: 8, signed: true };
    case DataType.uint8:
      return { bits: 8, signed: false };
    default:
      return null;
  }
}

const groupsOf = (form: Linear): number =>
  Math.ceil(form.rows / form.blockRows) * Math.ceil(form.columns / form.blockColumns);

const packedBytes = (count: number, bits: number): number => Math.ceil((count * bits) / 8);

/** Where the three tensors lie in the result of quantising. */
export function linearParts(
  parameters: Derivation['parameters'],
): Record<'weights' | 'scales' | 'zeros', { offset: number; length: number }> {
  const form = formOf(parameters);
  const bits = integerForm(form.type)?.bits ?? 8;
  const weights = packedBytes(form.rows * form.columns, bits);
  const scales = groupsOf(form) * (form.scales === DataType.float ? 4 : 2);
  const zeros = form.zeros ? packedBytes(groupsOf(form), bits) : 0;
  return {
    weights: { offset: 0, length: weights },
    scales: { offset: weights, length: scales },
    zeros: { offset: weights + scales, length: zeros },
  };
}

export function linearLength(parameters: Derivation['parameters']): number {
  const { zeros } = linearParts(parameters);
  return zeros.offset + zeros.length;
}

/**
 * (q - zero point) x scale in float32, (rows, columns).
 * @param sources integers, scales, zero points if there are any
 * @source onnx/docs/Operators.md, DequantizeLinear-21
 */
export function linearValues(
  [stored, scales, zeros]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const form = formOf(parameters);
  const { rows, columns, blockRows, blockColumns } = form;
  const integers = integerForm(form.type);
  if (!stored || !scales || !integers)
    throw new EspalierError('bug', `${label} cannot be dequantised.`);
  const { bits, signed } = integers;
  const across = Math.ceil(columns / blockColumns);
  let known: Promise<[Float32Array, Uint8Array | null]> | null = null;
  const make = async (from: number, to: number): Promise<Uint8Array> => {
    known ??= Promise.all([
      scales.read(0, scales.size).then((bytes) => storedNumbers(bytes, form.scales)),
      zeros ? zeros.read(0, zeros.size) : null,
    ]);
    const [factors, points] = await known;
    const first = Math.floor((from * columns * bits) / 8);
    const bytes = await stored.read(first, packedBytes(to * columns, bits) - first);
    const out = new Float32Array((to - from) * columns);
    for (let row = from; row < to; row++)
      for (let column = 0; column < columns; column++) {
        const group = Math.floor(row / blockRows) * across + Math.floor(column / blockColumns);
        const at = row * columns + column - (first * 8) / bits;
        const zero = points ? integerAt(points, group, bits, signed) : 0;
        out[(row - from) * columns + column] =
          (integerAt(bytes, at, bits, signed) - zero) * factors[group]!;
      }
    return new Uint8Array(out.buffer);
  };
  return rowSource({ rows, rowBytes: columns * 4, make }, label);
}

/** Bytes of the values read at a time. */
const STEP_BYTES = 2 ** 22;

/**
 * Integers, scales and zero points one after the other. Signed integers are symmetric, unsigned
 * ones have zero points. Scales are found in a first pass over the values.
 * @param sources the values (rows, columns) in float32
 * @source of 4 bits: onnxruntime/core/mlas/lib/q4_dq.cpp, BlockwiseQDQQuantizer
 */
export function linearQuantised(
  [values]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const form = formOf(parameters);
  const { rows, columns, blockRows, blockColumns } = form;
  const integers = integerForm(form.type);
  if (values?.size !== rows * columns * 4 || !integers || !(integers.signed || form.zeros))
    throw new EspalierError('bug', `${label} cannot be quantised.`);
  const { bits, signed } = integers;
  const across = Math.ceil(columns / blockColumns);
  const parts = linearParts(parameters);
  // An even number, so that 4-bit rows end with a byte.
  const step = 2 * Math.max(1, Math.floor(STEP_BYTES / (columns * 8)));
  const chunk = async (from: number, to: number): Promise<Float32Array> =>
    floatsOf(await values.read(from * columns * 4, (to - from) * columns * 4));
  const groupOf = (row: number, column: number): number =>
    Math.floor(row / blockRows) * across + Math.floor(column / blockColumns);

  let known: Promise<Scales> | null = null;
  const find = async (): Promise<Scales> => {
    const low = new Float32Array(groupsOf(form)).fill(Number.POSITIVE_INFINITY);
    const high = low.map(() => Number.NEGATIVE_INFINITY);
    for (let from = 0; from < rows; from += step) {
      const part = await chunk(from, Math.min(rows, from + step));
      part.forEach((value, k) => {
        if (!Number.isFinite(value)) throw notFinite(label, value);
        const group = groupOf(from + Math.floor(k / columns), k % columns);
        if (value < low[group]!) low[group] = value;
        if (value > high[group]!) high[group] = value;
      });
    }
    return scalesFor(low, high, bits, signed, form.scales, label);
  };

  /** Packed integers of rows from..to; `from` is even. */
  const quantised = async (from: number, to: number): Promise<Uint8Array> => {
    known ??= find();
    const { factors, points } = await known;
    const [least, most] = signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
    const part = await chunk(from, to);
    const out = new Uint8Array(packedBytes((to - from) * columns, bits));
    part.forEach((value, k) => {
      const group = groupOf(from + Math.floor(k / columns), k % columns);
      const scale = factors[group]!;
      const ratio = scale === 0 ? 0 : Math.fround(value * Math.fround(1 / scale));
      const rounded = Math.sign(ratio) * Math.round(Math.abs(ratio)) + points[group]!;
      put(out, k, bits, Math.min(most, Math.max(least, rounded)));
    });
    return out;
  };

  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    const end = offset + target.length;
    const copy = (at: number, bytes: Uint8Array): void => {
      const [from, to] = [Math.max(offset, at), Math.min(end, at + bytes.length)];
      if (from < to) target.set(bytes.subarray(from - at, to - at), from - offset);
    };
    for (let from = 0; from < rows && from * columns * bits < end * 8; from += step) {
      const to = Math.min(rows, from + step);
      const [start, stop] = [from, to].map((row) => packedBytes(row * columns, bits));
      if (stop! > offset) copy(start!, await quantised(from, to));
    }
    if (end <= parts.scales.offset) return;
    known ??= find();
    const { factors, points } = await known;
    copy(parts.scales.offset, numbersStored(factors, form.scales, label));
    const zeros = new Uint8Array(parts.zeros.length);
    if (form.zeros)
      points.forEach((point, k) => {
        put(zeros, k, bits, point);
      });
    copy(parts.zeros.offset, zeros);
  };
  return sourceInto(linearLength(parameters), readInto);
}

interface Scales {
  factors: Float32Array;
  points: Float32Array;
}

function scalesFor(
  low: Float32Array,
  high: Float32Array,
  bits: 4 | 8,
  signed: boolean,
  type: DataType,
  label: string,
): Scales {
  const { fround } = Math;
  const factors = new Float32Array(low.length);
  const points = new Float32Array(low.length);
  low.forEach((least, k) => {
    const most = high[k]!;
    const largest = Math.abs(most) > Math.abs(least) ? most : least;
    if (signed) {
      // 4 bits reach from -8 to 7: the larger end is put at -8. 8 bits are used from -127 to 127.
      factors[k] = bits === 4 ? fround(-largest / 8) : fround(Math.abs(largest) / 127);
      return;
    }
    const [from, to] = [Math.min(least, 0), Math.max(most, 0)];
    const range = 2 ** bits - 1;
    const scale = fround(fround(to - from) / range);
    const point = scale === 0 ? 0 : fround(0 - fround(from / scale));
    factors[k] = scale;
    points[k] = Math.min(range, Math.max(0, Math.round(point)));
  });
  return { factors: storedNumbers(numbersStored(factors, type, label), type), points };
}

function integerAt(bytes: Uint8Array, k: number, bits: 4 | 8, signed: boolean): number {
  const bit = k * bits;
  const q = (bytes[bit >> 3]! >> (bit & 7)) & (2 ** bits - 1);
  return signed && q >= 2 ** (bits - 1) ? q - 2 ** bits : q;
}

function put(bytes: Uint8Array, k: number, bits: 4 | 8, q: number): void {
  const bit = k * bits;
  bytes[bit >> 3]! |= (q & (2 ** bits - 1)) << (bit & 7);
}
