// Decodes a TensorProto to a Tensor and encodes it again; only this file knows protobuf's typed
// data fields.

import { create } from '@bufbuild/protobuf';
import { EspalierError } from '../errors.ts';
import { DataType, elementBits, elementCount, type Tensor } from './graph.ts';
import {
  type StringStringEntryProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './onnx_pb.js';
import type { ByteRange, DerivedRange } from './source.ts';

/** The external_data entries of a tensor. */
interface ExternalReference {
  location: string;
  offset: number;
  /** Null when absent or 0: it then follows from type and dims. */
  length: number | null;
}

/**
 * Finds the byte range of external data; throws an EspalierError when there is none. `expected` is
 * the number of bytes by type and dims, or null for types of unknown size.
 */
export type ResolveExternal = (
  reference: ExternalReference,
  tensor: string,
  expected: number | null,
) => ByteRange;

/**
 * Where a tensor whose bytes are not in memory goes when it is written: bytes inside the graph
 * file, or a range of a data file.
 */
export type Placement = Uint8Array | { location: string; offset: number; length: number };
export type PlaceTensor = (
  tensor: Tensor,
  data: ByteRange | DerivedRange,
  owner: 'initializer' | 'attribute',
) => Placement;

/** Bits of types that graph.ts does not name: complex, float8, float4, 2-bit integers. */
const RARE_BITS: Readonly<Record<number, number>> = {
  14: 64,
  15: 128,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  23: 4,
  24: 8,
  25: 2,
  26: 2,
};

/** Bytes of raw data by type and dims; null for strings and unknown types. */
function rawLength(type: DataType, dims: readonly number[]): number | null {
  const bits = elementBits(type) ?? RARE_BITS[type] ?? null;
  return bits === null ? null : Math.ceil((elementCount(dims) * bits) / 8);
}

/** A protobuf int64 as a number. @throws EspalierError `corrupt-file` beyond 2^53. */
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

/** @throws EspalierError `corrupt-file` when the size of the data does not fit type and dims. */
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
  if (proto.dataLocation === 1 && type === DataType.string)
    throw new EspalierError(
      'corrupt-file',
      `Tensor ${name || '(unnamed)'} holds strings outside the graph file.`,
      'Export the model again.',
    );
  if (proto.dataLocation === 1)
    return { name, type, dims, data: resolve(reference(proto.externalData, name), name, expected) };
  const data = inlineBytes(proto);
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

/** The TensorProto of a tensor; `place` says where bytes go that are not in memory. */
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
  if (tensor.type === DataType.string && tensor.data instanceof Uint8Array) {
    proto.stringData = unpackStrings(tensor.data);
    return proto;
  }
  const { data } = tensor;
  const placed = data instanceof Uint8Array ? data : place(tensor, data, owner);
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
  return { location, offset: number('offset') ?? 0, length: number('length') || null };
}

function inlineBytes(proto: TensorProto): Uint8Array {
  if (proto.dataType === DataType.string) return packStrings(proto.stringData);
  return proto.rawData.length > 0 ? proto.rawData : typedBytes(proto);
}

/** ONNX types of pairs of floats and of doubles. */
const COMPLEX64 = 14;
const COMPLEX128 = 15;

/**
 * Raw little-endian bytes of float_data, int32_data, int64_data, uint64_data or double_data;
 * integers that are too wide lose their upper bits, as in ONNX Runtime.
 */
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
    case DataType.bool:
      return Uint8Array.from(proto.int32Data, (x) => (x === 0 ? 0 : 1));
    case COMPLEX64:
      return bytes(Float32Array.from(proto.floatData));
    case COMPLEX128:
      return bytes(Float64Array.from(proto.doubleData));
    case DataType.int16:
    case DataType.uint16:
    case DataType.float16:
    case DataType.bfloat16:
      return bytes(Uint16Array.from(proto.int32Data));
    default:
      return Uint8Array.from(proto.int32Data);
  }
}

/** Strings as raw bytes, like any other tensor: the 32-bit length of each, then its bytes. */
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
