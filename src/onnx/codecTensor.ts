// TensorProto to Tensor and back; the one place that knows protobuf's typed data fields. Must not
// read files.

import { create } from '@bufbuild/protobuf';
import { EspalierError } from '../errors.ts';
import { DataType, elementBits, elementCount, isRange, type Tensor } from './graph.ts';
import {
  type StringStringEntryProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './onnx_pb.js';
import type { ByteRange } from './source.ts';

/** What a file says of a tensor kept outside: values of its external_data entries. */
export interface ExternalReference {
  location: string;
  offset: number;
  /** Null when the file leaves it out: then the dims tell. */
  length: number | null;
}

/**
 * Turns an external reference into a range of the folder; `expected` is the byte length that type
 * and dims ask for, or null. @throws EspalierError
 */
export type ResolveExternal = (
  reference: ExternalReference,
  tensor: string,
  expected: number | null,
) => ByteRange;

/**
 * Where a tensor of byte ranges goes in a written file: inline bytes, or a place in a data file.
 */
export type Placement = Uint8Array | { location: string; offset: number; length: number };
export type PlaceTensor = (
  tensor: Tensor,
  range: ByteRange,
  owner: 'initializer' | 'attribute',
) => Placement;

/** Bits of types that graph.ts does not name: float8 kinds, float4, 2-bit integers. */
const RARE_BITS: Readonly<Record<number, number>> = {
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  23: 4,
  24: 8,
  25: 2,
  26: 2,
};

/** Bytes of raw data for a type and dims, or null for strings and unknown types. */
function rawLength(type: DataType, dims: readonly number[]): number | null {
  const bits = elementBits(type) ?? RARE_BITS[type] ?? null;
  return bits === null ? null : Math.ceil((elementCount(dims) * bits) / 8);
}

/** An int64 of the wire as a number. @throws EspalierError `corrupt-file` beyond 2^53 */
export function exact(value: bigint, what: string): number {
  const n = Number(value);
  if (!Number.isSafeInteger(n))
    throw new EspalierError(
      'corrupt-file',
      `${what} is ${value}, which is too large to be real.`,
      'Export the model again.',
    );
  return n;
}

/** @throws EspalierError `corrupt-file` when dims and data disagree */
export function decodeTensor(proto: TensorProto, resolve: ResolveExternal): Tensor {
  const name = proto.name;
  const dims = proto.dims.map((d) => {
    const n = exact(d, `A dimension of tensor ${name || '(unnamed)'}`);
    if (n < 0)
      throw new EspalierError(
        'corrupt-file',
        `A dimension of tensor ${name || '(unnamed)'} is ${n}.`,
        'Export the model again.',
      );
    return n;
  });
  const type = proto.dataType;
  const expected = rawLength(type, dims);
  if (expected !== null && !Number.isSafeInteger(expected))
    throw new EspalierError(
      'corrupt-file',
      `Tensor ${name || '(unnamed)'} claims ${dims.join(' x ')} elements.`,
      'Export the model again.',
    );
  if (proto.dataLocation === 1)
    return { name, type, dims, data: resolve(reference(proto.externalData, name), name, expected) };
  const data =
    type === DataType.string
      ? packStrings(proto.stringData)
      : proto.rawData.length > 0
        ? proto.rawData
        : typedBytes(proto);
  if (expected !== null && data.length !== expected) {
    throw new EspalierError(
      'corrupt-file',
      `Tensor ${name || '(unnamed)'} of dims [${dims.join(', ')}] needs ${expected} bytes ` +
        `and has ${data.length}.`,
      'Download or export the file again.',
    );
  }
  return { name, type, dims, data };
}

/** TensorProto of a tensor; ranges go where `place` says. */
export function encodeTensor(
  tensor: Tensor,
  place: PlaceTensor,
  owner: 'initializer' | 'attribute',
): TensorProto {
  const proto = create(TensorProtoSchema, {
    name: tensor.name,
    dataType: tensor.type,
    dims: tensor.dims.map(BigInt),
  });
  if (tensor.type === DataType.string && !isRange(tensor.data)) {
    proto.stringData = unpackStrings(tensor.data);
    return proto;
  }
  const placed = isRange(tensor.data) ? place(tensor, tensor.data, owner) : tensor.data;
  if (placed instanceof Uint8Array) {
    proto.rawData = placed;
    return proto;
  }
  proto.dataLocation = 1;
  proto.externalData = Object.entries(placed).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
  return proto;
}

function reference(entries: readonly StringStringEntryProto[], tensor: string): ExternalReference {
  const found = new Map(entries.map((e) => [e.key, e.value]));
  const location = found.get('location');
  if (!location)
    throw new EspalierError(
      'corrupt-file',
      `Tensor ${tensor} is kept outside the graph file, but no file is named.`,
      'Export the model again.',
    );
  const number = (key: string): number | null => {
    const text = found.get(key);
    if (text === undefined || text === '') return null;
    // Number() alone would read "0x10", "1e3" and blanks too.
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(n))
      throw new EspalierError(
        'corrupt-file',
        `Tensor ${tensor} has ${key} "${text}" in ${location}.`,
        'Export the model again.',
      );
    return n;
  };
  return { location, offset: number('offset') ?? 0, length: number('length') };
}

/** Raw little-endian bytes of float_data, int32_data, int64_data, uint64_data or double_data. */
function typedBytes(proto: TensorProto): Uint8Array {
  const bytes = (a: ArrayBufferView): Uint8Array =>
    new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
  switch (proto.dataType) {
    case DataType.float:
      return bytes(Float32Array.from(proto.floatData));
    case DataType.double:
      return bytes(Float64Array.from(proto.doubleData));
    case DataType.int64:
      return bytes(BigInt64Array.from(proto.int64Data));
    case DataType.uint64:
      return bytes(BigUint64Array.from(proto.uint64Data));
    case DataType.uint32:
      return bytes(Uint32Array.from(proto.uint64Data, Number));
    case DataType.int32:
      return bytes(Int32Array.from(proto.int32Data));
    case DataType.int16:
    case DataType.uint16:
    case DataType.float16:
    case DataType.bfloat16:
      return bytes(Uint16Array.from(proto.int32Data));
    default:
      return Uint8Array.from(proto.int32Data);
  }
}

/** Strings as 32-bit length + bytes each, so that a string tensor is raw bytes like any other. */
function packStrings(strings: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(strings.reduce((n, s) => n + 4 + s.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const s of strings) {
    view.setUint32(at, s.length, true);
    out.set(s, at + 4);
    at += 4 + s.length;
  }
  return out;
}

function unpackStrings(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true);
    out.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return out;
}
