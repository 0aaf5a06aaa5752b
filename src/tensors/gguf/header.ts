// The header of one GGUF file: version, key-value pairs, descriptions of the tensors.
// Source: github.com/ggml-org/ggml, docs/gguf.md, "File Structure"; what llama.cpp refuses beyond
// it (ggml/src/gguf.cpp): other alignments than powers of two, names twice, nested arrays.

import { refuseLfsPointer } from '../../onnx/lfsPointer.ts';
import { MAX_NAME_BYTES, shortName } from '../../onnx/limits.ts';
import type { ByteRange, ByteSource } from '../../onnx/source.ts';
import type { StoredTensor, TensorFile } from '../tensorFiles.ts';
import type { GgufScalar, GgufValue } from './metadata.ts';
import { HeaderReader, MAX_STRING_BYTES } from './reader.ts';
import { GGML_TYPES } from './types.ts';

/** Pairs of a file. Real ones have 20 to 60. */
const MAX_PAIRS = 65_536;
/** Tensors of a file. The largest models have some 2,000; with unrolled experts 100,000. */
const MAX_TENSORS = 200_000;
/** Entries of one array, and of all arrays of a file together. Vocabularies have 260,000. */
const MAX_ENTRIES = 4 * 2 ** 20;
/** Bytes of a key (docs/gguf.md). */
const MAX_KEY_BYTES = 65_535;
/** GGML has four dimensions. */
const MAX_RANK = 4;
/** Alignments above this make no file better and a damaged one large. */
const MAX_ALIGNMENT = 2 ** 20;
const DEFAULT_ALIGNMENT = 32;

/** Least bytes of a pair (length of the key, type, a value of one byte), and of a tensor. */
const LEAST_PAIR = 13;
const LEAST_TENSOR = 32;

const MAGIC = 'GGUF';
const ARRAY = 9;
const STRING = 8;

/** How a scalar is read, by its number in the file; null for strings. */
const SCALARS: Readonly<Record<number, [GgufScalar, bytes: number] | undefined>> = {
  0: ['uint8', 1],
  1: ['int8', 1],
  2: ['uint16', 2],
  3: ['int16', 2],
  4: ['uint32', 4],
  5: ['int32', 4],
  6: ['float32', 4],
  7: ['bool', 1],
  8: ['string', 8],
  10: ['uint64', 8],
  11: ['int64', 8],
  12: ['float64', 8],
};

const NUMBERS: Readonly<Partial<Record<GgufScalar, (view: DataView, at: number) => number>>> = {
  uint8: (view, at) => view.getUint8(at),
  int8: (view, at) => view.getInt8(at),
  uint16: (view, at) => view.getUint16(at, true),
  int16: (view, at) => view.getInt16(at, true),
  uint32: (view, at) => view.getUint32(at, true),
  int32: (view, at) => view.getInt32(at, true),
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
};

export interface GgufHeader extends TensorFile {
  version: number;
  alignment: number;
  metadata: Map<string, GgufValue>;
  /** Where each pair is in the file, in its order. */
  pairs: Map<string, ByteRange>;
}

/**
 * Reads the header and nothing behind it.
 * @throws EspalierError `corrupt-file` for what is no such header, or has tensors that overlap or
 *   lie outside the file; `unsupported-graph` for versions, byte orders and types of tensors that
 *   are not read
 */
export async function readGgufHeader(path: string, source: ByteSource): Promise<GgufHeader> {
  const reader = new HeaderReader(path, source);
  await reader.need(24);
  const head = reader.ahead;
  if (reader.text(4) !== MAGIC) {
    refuseLfsPointer(head, path);
    throw reader.damaged('is no GGUF file: it does not begin with GGUF');
  }
  const version = reader.uint32();
  requireVersion(reader, version);
  const tensorCount = reader.count('a number of tensors', MAX_TENSORS, LEAST_TENSOR);
  const pairCount = reader.count('a number of key-value pairs', MAX_PAIRS, LEAST_PAIR);

  const metadata = new Map<string, GgufValue>();
  const pairs = new Map<string, ByteRange>();
  const budget = { entries: MAX_ENTRIES };
  for (let i = 0; i < pairCount; i++) {
    const later = (pairCount - 1 - i) * LEAST_PAIR + tensorCount * LEAST_TENSOR;
    const offset = reader.position;
    const key = await reader.string('a key', later + 5, MAX_KEY_BYTES);
    if (metadata.has(key)) throw reader.damaged(`has the key ${shortName(key)} twice`);
    metadata.set(key, await readValue(reader, key, later, budget));
    pairs.set(key, { file: path, offset, length: reader.position - offset });
  }
  const alignment = alignmentOf(reader, metadata.get('general.alignment'));

  const described: Described[] = [];
  for (let i = 0; i < tensorCount; i++)
    described.push(await readTensor(reader, (tensorCount - 1 - i) * LEAST_TENSOR));
  const dataStart = Math.ceil(reader.position / alignment) * alignment;
  const tensors = placed(reader, path, source.size, dataStart, alignment, described);
  return { path, dataStart, tensors, version, alignment, metadata, pairs };
}

function requireVersion(reader: HeaderReader, version: number): void {
  if (version === 2 || version === 3) return;
  const hint = 'Convert the model again with a current llama.cpp.';
  if (version === 1)
    throw reader.unsupported('has version 1 of GGUF, of August 2023, which is not read', hint);
  // The version of a big-endian file read as little-endian.
  if (version > 0 && (version & 0xffff) === 0)
    throw reader.unsupported('has its numbers in big-endian order, which is not read', hint);
  throw reader.unsupported(
    `has version ${version} of GGUF; 2 and 3 are read`,
    'Espalier may be older than the file: look for a newer version.',
  );
}

async function readValue(
  reader: HeaderReader,
  key: string,
  later: number,
  budget: { entries: number },
): Promise<GgufValue> {
  await reader.need(4, later + 1);
  const number = reader.uint32();
  if (number === ARRAY) return readArray(reader, key, later, budget);
  const [type, bytes] = scalarOf(reader, key, number);
  if (number === STRING)
    return { type, value: await reader.string(`the value of ${shortName(key)}`, later) };
  await reader.need(bytes, later);
  return { type, value: readScalar(reader, type, bytes) };
}

function scalarOf(reader: HeaderReader, key: string, number: number): [GgufScalar, number] {
  const scalar = SCALARS[number];
  if (!scalar) throw reader.damaged(`has a value of type ${number}, unknown, at ${shortName(key)}`);
  return scalar;
}

function readScalar(reader: HeaderReader, type: GgufScalar, bytes: number) {
  if (type === 'uint64') return reader.big();
  if (type === 'int64') return reader.bigSigned();
  if (type === 'bool') return reader.number(1, (view, at) => view.getUint8(at)) !== 0;
  return reader.number(bytes, NUMBERS[type]!);
}

async function readArray(
  reader: HeaderReader,
  key: string,
  later: number,
  budget: { entries: number },
): Promise<GgufValue> {
  await reader.need(12, later);
  const number = reader.uint32();
  if (number === ARRAY)
    throw reader.damaged(`has an array of arrays at ${shortName(key)}, which no model needs`);
  const [of, bytes] = scalarOf(reader, key, number);
  const count = reader.count(`the length of the array ${shortName(key)}`, budget.entries, bytes);
  budget.entries -= count;
  const value: (number | bigint | boolean | string)[] = [];
  if (number === STRING) {
    const what = `a string of ${shortName(key)}`;
    for (let i = 0; i < count; i++) {
      const rest = later + (count - 1 - i) * bytes;
      // Most strings are ready: waiting for each of them would take longer than reading it.
      if (reader.ready < 8) await reader.need(8, rest);
      const length = reader.count(what, MAX_STRING_BYTES, 1);
      if (reader.ready < length) await reader.need(length, rest);
      value.push(reader.text(length));
    }
  } else {
    for (let i = 0; i < count; i++) {
      if (reader.ready < bytes) await reader.need(bytes, later + (count - 1 - i) * bytes);
      value.push(readScalar(reader, of, bytes));
    }
  }
  return { type: 'array', of, value };
}

function alignmentOf(reader: HeaderReader, value: GgufValue | undefined): number {
  if (value === undefined) return DEFAULT_ALIGNMENT;
  const alignment = value.value;
  if (
    value.type !== 'uint32' ||
    typeof alignment !== 'number' ||
    alignment < 1 ||
    alignment > MAX_ALIGNMENT ||
    (alignment & (alignment - 1)) !== 0
  )
    throw reader.damaged(
      `has the alignment ${shortName(String(alignment))} (general.alignment), which is no power ` +
        `of two up to ${MAX_ALIGNMENT}`,
    );
  return alignment;
}

/** A tensor before it is known where the data begin. */
interface Described {
  name: string;
  type: string;
  shape: number[];
  offset: number;
  length: number;
}

async function readTensor(reader: HeaderReader, later: number): Promise<Described> {
  const name = await reader.string('the name of a tensor', later + 24, MAX_NAME_BYTES);
  const what = `the tensor ${shortName(name)}`;
  await reader.need(4, later + 20);
  const rank = reader.uint32();
  if (rank < 1 || rank > MAX_RANK)
    throw reader.damaged(`has ${what} with ${rank} dimensions; GGUF has 1 to ${MAX_RANK}`);
  await reader.need(rank * 8 + 12, later);
  const dims = Array.from({ length: rank }, () =>
    reader.count(`a dimension of ${what}`, Number.MAX_SAFE_INTEGER, 0),
  );
  const number = reader.uint32();
  const type = GGML_TYPES.get(number);
  if (!type)
    throw reader.unsupported(
      `has ${what} of the GGML type ${number}, which is not known`,
      'Quantise the model to a common type, such as Q8_0 or Q4_K_M, or take its safetensors.',
    );
  const offset = reader.count(`the place of ${what}`, Number.MAX_SAFE_INTEGER, 0);
  const values = dims.reduce((product, dim) => product * dim, 1);
  const row = dims[0] ?? 1;
  if (values < 1 || !Number.isSafeInteger(values * type.bytes))
    throw reader.damaged(`has ${what} of the shape ${dims.join(' x ')}`);
  if (row % type.values !== 0)
    throw reader.damaged(
      `has ${what} of type ${type.name} with rows of ${row} values, which are no whole blocks of ` +
        `${type.values}`,
    );
  return {
    name,
    type: type.name,
    shape: dims.reverse(),
    offset,
    length: (values / type.values) * type.bytes,
  };
}

/** The tensors where they lie in the file. */
function placed(
  reader: HeaderReader,
  path: string,
  size: number,
  dataStart: number,
  alignment: number,
  described: readonly Described[],
): StoredTensor[] {
  const names = new Set<string>();
  const tensors = described.map(({ name, type, shape, offset, length }) => {
    const what = `the tensor ${shortName(name)}`;
    if (names.has(name)) throw reader.damaged(`has ${what} twice`);
    names.add(name);
    if (offset % alignment !== 0)
      throw reader.damaged(`has ${what} at ${offset}, which is no multiple of ${alignment}`);
    const start = dataStart + offset;
    if (start + length > size)
      throw reader.damaged(
        `has ${what} at the bytes ${start} to ${start + length}, but ends at ${size}`,
      );
    return { name, type, shape, data: { file: path, offset: start, length } };
  });
  const inOrder = [...tensors].sort((a, b) => a.data.offset - b.data.offset);
  inOrder.forEach((tensor, i) => {
    const before = inOrder[i - 1];
    if (before && before.data.offset + before.data.length > tensor.data.offset)
      throw reader.damaged(
        `has ${shortName(before.name)} and ${shortName(tensor.name)} at the same bytes`,
      );
  });
  return tensors;
}
