// What is known of a value before anything runs: its element type, its dims, and its content where
// that follows from shapes and constants alone.

import type { Tensor } from '../../onnx/graph.ts';
import { DataType, elementCount } from '../../onnx/graph.ts';
import { fromHalf } from '../../onnx/half.ts';

export interface Value {
  readonly type: DataType;
  readonly dims: readonly number[];
  /**
   * Content, where it follows from shapes and constants alone: integers, booleans (0 or 1) and
   * floats, all as numbers; null elsewhere, and for more than `CONTENT_LIMIT` elements.
   */
  readonly data: readonly number[] | null;
}

/** Contents of more elements are not kept: a mask of 256 x 256 positions is. */
export const CONTENT_LIMIT = 2 ** 16;

/**
 * Floats of more elements are moved but not computed with: factors are wanted, rotary tables and
 * position biases stay in the program.
 */
const FLOAT_LIMIT = 64;

/** A value of which only type and dims are known. */
export function shaped(type: DataType, dims: readonly number[]): Value {
  return { type, dims, data: null };
}

/** A value of known content; content beyond the limit, or null, is left out. */
export function holding(
  type: DataType,
  dims: readonly number[],
  data: readonly number[] | null,
): Value {
  return { type, dims, data: data !== null && data.length <= CONTENT_LIMIT ? data : null };
}

const FLOATS: ReadonlySet<DataType> = new Set([
  DataType.float,
  DataType.float16,
  DataType.double,
  DataType.bfloat16,
]);

export function isFloat(type: DataType): boolean {
  return FLOATS.has(type);
}

/** True when numbers of this type and count are computed with here. */
export function computable(type: DataType, dims: readonly number[]): boolean {
  const limit = isFloat(type) ? FLOAT_LIMIT : CONTENT_LIMIT;
  return type !== DataType.float16 && type !== DataType.bfloat16 && elementCount(dims) <= limit;
}

/** A number as an element of this type holds it. */
export function stored(type: DataType, value: number): number {
  if (type === DataType.bool) return value === 0 ? 0 : 1;
  if (type === DataType.float) return Math.fround(value);
  // Adding zero turns -0 into 0.
  return isFloat(type) ? value : Math.trunc(value) + 0;
}

type Get = (view: DataView, at: number) => number;

const READERS: Readonly<Record<number, readonly [bytes: number, get: Get]>> = {
  [DataType.float]: [4, (view, at) => view.getFloat32(at, true)],
  [DataType.double]: [8, (view, at) => view.getFloat64(at, true)],
  [DataType.float16]: [2, (view, at) => fromHalf(view.getUint16(at, true))],
  [DataType.int64]: [8, (view, at) => Number(view.getBigInt64(at, true))],
  [DataType.int32]: [4, (view, at) => view.getInt32(at, true)],
  [DataType.int16]: [2, (view, at) => view.getInt16(at, true)],
  [DataType.uint16]: [2, (view, at) => view.getUint16(at, true)],
  [DataType.int8]: [1, (view, at) => view.getInt8(at)],
  [DataType.uint8]: [1, (view, at) => view.getUint8(at)],
  [DataType.bool]: [1, (view, at) => view.getUint8(at)],
};

/** A constant; one that lies in a file, or is too large, has no content. */
export function constantValue({ type, dims, data }: Tensor): Value {
  const reader = READERS[type];
  const count = elementCount(dims);
  if (!reader || !(data instanceof Uint8Array) || count > CONTENT_LIMIT) return shaped(type, dims);
  const [size, get] = reader;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return { type, dims, data: Array.from({ length: count }, (_, k) => get(view, k * size)) };
}
