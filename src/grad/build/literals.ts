// Numbers to the little-endian bytes of a constant.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../../onnx/graph.ts';

export type ConstantValues = readonly number[] | Float32Array | Float64Array | Int32Array;

/** Numbers beyond the range, such as 2^63 for "to the end", become the nearest in it. */
const int64Of = (value: number): bigint =>
  BigInt.asIntN(64, value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(Math.max(value, -(2 ** 63))));

type Put = (view: DataView, at: number, value: number) => void;

const WRITERS: Readonly<Record<number, readonly [bytes: number, put: Put]>> = {
  [DataType.float]: [4, (view, at, value) => view.setFloat32(at, value, true)],
  [DataType.double]: [8, (view, at, value) => view.setFloat64(at, value, true)],
  [DataType.int32]: [4, (view, at, value) => view.setInt32(at, value, true)],
  [DataType.int64]: [8, (view, at, value) => view.setBigInt64(at, int64Of(value), true)],
  [DataType.bool]: [1, (view, at, value) => view.setUint8(at, value ? 1 : 0)],
  [DataType.uint8]: [1, (view, at, value) => view.setUint8(at, value)],
};

/**
 * Values as raw data of a tensor.
 * @throws EspalierError `bug` for an element type that no constant here has.
 */
export function constantBytes(type: DataType, values: ConstantValues): Uint8Array {
  const writer = WRITERS[type];
  if (!writer) throw new EspalierError('bug', `No constant of element type ${type} can be made.`);
  const [size, put] = writer;
  const view = new DataView(new ArrayBuffer(values.length * size));
  for (let k = 0; k < values.length; k++) put(view, k * size, values[k] as number);
  return new Uint8Array(view.buffer);
}
