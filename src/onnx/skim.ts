// Walks the protobuf of a model file and returns a small skeleton in which large tensor payloads
// are byte ranges; the payloads are never read.

import { EspalierError } from '../errors.ts';
import { ForwardReader, truncated } from './forwardReader.ts';
import { refuseLfsPointer } from './lfsPointer.ts';
import { beyondLimit, MAX_DEPTH, MAX_NODES, MAX_SKELETON_BYTES, MAX_TENSORS } from './limits.ts';
import type { ByteSource } from './source.ts';

/** `location` of a payload inside the graph file itself; NUL cannot occur in a file name. */
export const SELF_LOCATION = '\u0000self';

/** Payloads above this many bytes become ranges; messages up to this size are copied unparsed. */
const INLINE_LIMIT = 1024;

type Kind = 'model' | 'graph' | 'node' | 'attribute' | 'tensor';

/**
 * Message fields to descend into, and fields to drop (documentation, training information). Field
 * numbers of onnx.proto.
 */
const FIELDS: Record<Kind, Readonly<Record<number, Kind | 'drop'>>> = {
  model: { 6: 'drop', 7: 'graph', 20: 'drop' },
  graph: { 1: 'node', 5: 'tensor', 10: 'drop' },
  node: { 5: 'attribute', 6: 'drop', 9: 'drop' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 13: 'drop' },
  tensor: { 12: 'drop' },
};
/**
 * TensorProto fields whose packed bytes are the little-endian elements of the tensor: float_data,
 * raw_data, double_data.
 */
const PAYLOAD_FIELDS = new Set([4, 9, 10]);
const RAW_DATA = 9;
/** The field data_location; 1 is EXTERNAL. */
const DATA_LOCATION = 14;

/** A growing byte buffer with protobuf encoding. */
class Bytes {
  #buffer = new Uint8Array(4096);
  length = 0;

  append(bytes: Uint8Array): void {
    const needed = this.length + bytes.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.length);
    this.length = needed;
  }

  varint(value: number): void {
    const bytes: number[] = [];
    let rest = value;
    while (rest >= 128) {
      bytes.push((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    bytes.push(rest);
    this.append(Uint8Array.from(bytes));
  }

  /** A length-delimited field. */
  field(number: number, bytes: Uint8Array): void {
    this.varint(number * 8 + 2);
    this.varint(bytes.length);
    this.append(bytes);
  }

  view(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }
}

/**
 * The skeleton of a model file: a serialized ModelProto whose payloads above 1 KiB are external
 * data with the location SELF_LOCATION. Reads little more than the bytes between the payloads.
 * @param name path of the file, for error messages.
 * @throws EspalierError `corrupt-file` when it is not a protobuf, is cut off, or has no graph;
 *   `too-large` beyond a bound of limits.ts.
 */
export async function skimModel(source: ByteSource, name: string): Promise<Uint8Array> {
  const reader = new ForwardReader(source, name);
  if (source.size === 0) throw notOnnx(name, 'it is empty');
  refuseLfsPointer(await reader.take(0, Math.min(source.size, 40)), name);
  reader.position = 0;
  const skimmer = new Skimmer(reader, name);
  const out = await skimmer.message('model', source.size, 0);
  if (!skimmer.sawGraph) throw notOnnx(name, 'it holds no graph');
  return out.view();
}

class Skimmer {
  sawGraph = false;
  #total = 0;
  #nodes = 0;
  #tensors = 0;
  readonly #reader: ForwardReader;
  readonly #name: string;

  constructor(reader: ForwardReader, name: string) {
    this.#reader = reader;
    this.#name = name;
  }

  /** Copies the fields of one message that ends at byte `end`. */
  async message(kind: Kind, end: number, depth: number): Promise<Bytes> {
    const reader = this.#reader;
    if (depth > MAX_DEPTH)
      throw beyondLimit(
        this.#name,
        `messages nested more than ${MAX_DEPTH} deep (at byte ${reader.position})`,
        MAX_DEPTH,
      );
    if (kind === 'node' && ++this.#nodes > MAX_NODES)
      throw beyondLimit(this.#name, `more than ${MAX_NODES} nodes`, MAX_NODES);
    if (kind === 'tensor' && ++this.#tensors > MAX_TENSORS)
      throw beyondLimit(this.#name, `more than ${MAX_TENSORS} tensors`, MAX_TENSORS);
    const out = new Bytes();
    let payload = null as { field: number; offset: number; length: number } | null;
    let external = false;
    while (reader.position < end) {
      const wait = reader.header();
      if (wait) await wait;
      const start = reader.position;
      const tag = reader.varint();
      const field = Math.floor(tag / 8);
      const length = this.#fieldLength(tag % 8, field, start, end, kind);
      const body = reader.position;
      const stop = body + length;
      if (kind === 'model' && field === 7 && tag % 8 === 2) this.sawGraph = true;
      const inner = tag % 8 === 2 ? FIELDS[kind][field] : undefined;
      if (inner === 'drop') {
        reader.position = stop;
      } else if (inner && length > INLINE_LIMIT) {
        const nested = await this.message(inner, stop, depth + 1);
        out.field(field, nested.view());
      } else if (
        kind === 'tensor' &&
        tag % 8 === 2 &&
        PAYLOAD_FIELDS.has(field) &&
        length > INLINE_LIMIT
      ) {
        if (payload?.field === field)
          throw this.#damaged(`a tensor has two payloads, at bytes ${payload.offset} and ${body}`);
        // ONNX Runtime reads no typed data beside raw data.
        if (payload?.field !== RAW_DATA) payload = { field, offset: body, length };
        reader.position = stop;
      } else {
        this.#total += stop - start;
        if (this.#total > MAX_SKELETON_BYTES)
          throw beyondLimit(
            this.#name,
            `more than ${MAX_SKELETON_BYTES} bytes besides its weights`,
            MAX_SKELETON_BYTES,
          );
        const bytes = await reader.take(start, stop - start);
        if (kind === 'tensor' && field === DATA_LOCATION) external = bytes.at(-1) === 1;
        out.append(bytes);
      }
    }
    // Data outside the file goes before any inside it, as in ONNX Runtime.
    if (payload && !external) this.#external(out, payload.offset, payload.length);
    return out;
  }

  /** Length of the field's body; moves the reader past the length prefix, not past the body. */
  #fieldLength(wire: number, field: number, start: number, end: number, kind: Kind): number {
    const reader = this.#reader;
    const body = reader.position;
    let length: number;
    if (wire === 2) length = reader.varint();
    else if (wire === 1) length = 8;
    else if (wire === 5) length = 4;
    else if (wire === 0) {
      reader.varint();
      length = reader.position - body;
      reader.position = body;
    } else
      throw start < 64 && kind === 'model'
        ? notOnnx(this.#name, 'its first bytes are not a protobuf')
        : this.#damaged(`no field can begin at byte ${start}`);
    if (field === 0)
      throw kind === 'model'
        ? notOnnx(this.#name, 'it is not a protobuf')
        : this.#damaged(`no field can begin at byte ${start}`);
    if (reader.position + length > end) {
      if (reader.position + length > reader.size)
        throw start < 16 && !(kind === 'model' && field === 7)
          ? notOnnx(this.#name, 'its first bytes are not a model')
          : truncated(this.#name, start, reader.size);
      throw this.#damaged(`the field at byte ${start} is longer than the ${kind} it is in`);
    }
    return length;
  }

  /** Appends external_data entries (field 13) and data_location = EXTERNAL (field 14). */
  #external(out: Bytes, offset: number, length: number): void {
    const encoder = new TextEncoder();
    for (const [key, value] of [
      ['location', SELF_LOCATION],
      ['offset', String(offset)],
      ['length', String(length)],
    ] as const) {
      const entry = new Bytes();
      entry.field(1, encoder.encode(key));
      entry.field(2, encoder.encode(value));
      out.field(13, entry.view());
    }
    out.append(Uint8Array.of(14 * 8, 1));
  }

  #damaged(what: string): EspalierError {
    return new EspalierError(
      'corrupt-file',
      `${this.#name} is damaged: ${what}.`,
      'Download or export the file again.',
    );
  }
}

function notOnnx(name: string, why: string): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${name} is not an ONNX file: ${why}.`,
    'Choose a folder with a decoder model in ONNX format (model.onnx).',
  );
}
