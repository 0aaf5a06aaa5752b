// The file format GGUF, version 2 and 3: counts, key-value pairs, descriptions of the tensors, and
// their data, each at a multiple of the alignment.
// Source: github.com/ggml-org/ggml, docs/gguf.md, "File Structure".

import { EspalierError } from '../../errors.ts';
import type { Bytes } from '../../onnx/source.ts';
import { joinRanges } from '../joinRanges.ts';
import { GGUF_SCALARS, type GgufScalar, type GgufValue } from './metadata.ts';
import { GGML_TYPES, ggmlTypeNumber } from './types.ts';

/** A tensor to write. */
export interface WrittenGgufTensor {
  name: string;
  /** "Q8_0", "F32". */
  type: string;
  /** Rows first. */
  shape: readonly number[];
  data: Bytes;
}

/** Numbers of the types that `GGUF_SCALARS` does not have in order. */
const ARRAY = 9;
const LATER = ['uint64', 'int64', 'float64'];

const SIZES: Readonly<Record<Exclude<GgufScalar, 'string'>, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  uint64: 8,
  int64: 8,
  float64: 8,
};

/**
 * A file as its parts: the header, then the tensors in the given order, zeros between them and
 * behind the last one.
 * @param pairs keys with their values, as `encodePair` gives them or as they are in a file
 * @throws EspalierError `bug` for types that are not known, and data of another length than type
 *   and shape have
 */
export function ggufFile(
  tensors: readonly WrittenGgufTensor[],
  pairs: readonly Bytes[],
  { version, alignment }: { version: number; alignment: number },
): { size: number; parts: Bytes[] } {
  const head = new ByteWriter();
  head.text('GGUF');
  head.number('uint32', version);
  head.number('uint64', BigInt(tensors.length));
  head.number('uint64', BigInt(pairs.length));

  const described = new ByteWriter();
  const data: Bytes[] = [];
  let at = 0;
  for (const tensor of tensors) {
    requireLength(tensor);
    described.string(tensor.name);
    described.number('uint32', tensor.shape.length);
    for (const dim of [...tensor.shape].reverse()) described.number('uint64', BigInt(dim));
    described.number('uint32', ggmlTypeNumber(tensor.type) ?? 0);
    described.number('uint64', BigInt(at));
    const end = at + tensor.data.length;
    at = Math.ceil(end / alignment) * alignment;
    data.push(tensor.data);
    if (at > end) data.push(new Uint8Array(at - end));
  }
  const header = [head.bytes(), ...pairs, described.bytes()];
  const length = header.reduce((sum, part) => sum + part.length, 0);
  const start = Math.ceil(length / alignment) * alignment;
  if (start > length) header.push(new Uint8Array(start - length));
  return { size: start + at, parts: joinRanges([...header, ...data]) };
}

/** A key with its value as the file has them. */
export function encodePair(key: string, entry: GgufValue): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  out.string(key);
  if (entry.type === 'array') {
    out.number('uint32', ARRAY);
    out.number('uint32', typeNumber(entry.of));
    out.number('uint64', BigInt(entry.value.length));
    for (const value of entry.value) out.scalar(entry.of, value);
  } else {
    out.number('uint32', typeNumber(entry.type));
    out.scalar(entry.type, entry.value);
  }
  return out.bytes();
}

function typeNumber(type: GgufScalar): number {
  const later = LATER.indexOf(type);
  return later < 0 ? (GGUF_SCALARS as readonly string[]).indexOf(type) : ARRAY + 1 + later;
}

function requireLength({ name, type, shape, data }: WrittenGgufTensor): void {
  const { values, bytes } = GGML_TYPES.get(ggmlTypeNumber(type) ?? -1) ?? { values: 1, bytes: 0 };
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if ((elements / values) * bytes === data.length) return;
  throw new EspalierError(
    'bug',
    `${name}, ${type} of [${shape.join(', ')}], was to be written with ${data.length} bytes.`,
  );
}

/** Bytes that grow. */
class ByteWriter {
  private held = new Uint8Array(256);
  private view = new DataView(this.held.buffer);
  private at = 0;

  bytes(): Uint8Array<ArrayBuffer> {
    return this.held.slice(0, this.at);
  }

  text(value: string): void {
    this.put(new TextEncoder().encode(value));
  }

  /** A text with its length before it. */
  string(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.number('uint64', BigInt(bytes.length));
    this.put(bytes);
  }

  scalar(type: GgufScalar, value: number | bigint | boolean | string): void {
    if (type === 'string') this.string(value as string);
    else this.number(type, typeof value === 'boolean' ? Number(value) : (value as number | bigint));
  }

  number(type: Exclude<GgufScalar, 'string'>, value: number | bigint): void {
    const at = this.take(SIZES[type]);
    const { view } = this;
    if (type === 'uint64') view.setBigUint64(at, BigInt(value), true);
    else if (type === 'int64') view.setBigInt64(at, BigInt(value), true);
    else if (type === 'float64') view.setFloat64(at, Number(value), true);
    else if (type === 'float32') view.setFloat32(at, Number(value), true);
    else if (SIZES[type] === 4) view.setUint32(at, Number(value), true);
    else if (SIZES[type] === 2) view.setUint16(at, Number(value), true);
    else view.setUint8(at, Number(value));
  }

  private put(bytes: Uint8Array): void {
    const at = this.take(bytes.length);
    this.held.set(bytes, at);
  }

  /** Place of so many further bytes. */
  private take(length: number): number {
    const at = this.at;
    this.at += length;
    if (this.at > this.held.length) {
      const more = new Uint8Array(Math.max(this.at, 2 * this.held.length));
      more.set(this.held);
      this.held = more;
      this.view = new DataView(more.buffer);
    }
    return at;
  }
}
