// The header of a safetensors file: eight bytes with its length, then JSON with type, shape and
// place of each tensor. Source: github.com/huggingface/safetensors, README, "Format", and the
// checks of safetensors/src/tensor.rs, `Metadata::validate`.

import { EspalierError } from '../../errors.ts';
import { isJsonObject, type JsonObject, readJsonObject } from '../../json.ts';
import { refuseLfsPointer } from '../../onnx/lfsPointer.ts';
import {
  beyondLimit,
  MAX_NAME_BYTES,
  MAX_RANK,
  MAX_TENSORS,
  shortName,
} from '../../onnx/limits.ts';
import type { ByteSource } from '../../onnx/source.ts';
import type { SafetensorsFiles, StoredTensor } from '../tensorFiles.ts';
import { bitsOf, byteLength } from './dtypes.ts';
import { repeatedKey } from './repeatedKey.ts';

/** Most bytes of a header; the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes of the length before the header. */
export const LENGTH_BYTES = 8;

/** Key of the strings that describe the file. */
export const METADATA_KEY = '__metadata__';

type SafetensorsFile = SafetensorsFiles['files'][number];

/**
 * Reads the header of a file, and nothing else of it.
 * @throws EspalierError `corrupt-file` for a header that the format does not allow, `too-large`
 *   for one beyond the limits, `unsupported-graph` for an element type that is not known.
 */
export async function readHeader(source: ByteSource, path: string): Promise<SafetensorsFile> {
  const { size } = source;
  if (size < LENGTH_BYTES) throw corrupt(path, `has ${size} bytes, too few for a header`);
  const length = lengthOf(await source.read(0, LENGTH_BYTES), path);
  const dataStart = LENGTH_BYTES + length;
  if (dataStart > size)
    throw corrupt(path, `has ${size} bytes and says that its header alone has ${length}`);
  const header = parsed(await source.read(LENGTH_BYTES, length), path);
  const { [METADATA_KEY]: about, ...entries } = header;
  const found = Object.entries(entries);
  if (found.length > MAX_TENSORS) throw beyondLimit(path, `${found.length} tensors`, MAX_TENSORS);
  const tensors = found.map(([name, entry]) => tensorOf(path, name, entry, dataStart));
  requireTiled(path, tensors, dataStart, size);
  return { path, dataStart, tensors, metadata: metadataOf(about, path) };
}

function lengthOf(bytes: Uint8Array<ArrayBuffer>, path: string): number {
  refuseLfsPointer(bytes, path);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    throw corrupt(
      path,
      `begins with a header length of ${length}, above the ${MAX_HEADER_BYTES} bytes that the ` +
        'format allows',
    );
  return Number(length);
}

function parsed(bytes: Uint8Array, path: string): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw corrupt(path, 'has a header that is not UTF-8');
  }
  if (!text.startsWith('{')) throw corrupt(path, 'has a header that does not begin with “{”');
  const read = readJsonObject(text, { max: MAX_HEADER_BYTES });
  if (!read.ok) throw corrupt(path, `has a header that ${read.problem}`, read.detail);
  const repeated = repeatedKey(text);
  if (repeated !== null) throw corrupt(path, `has “${shortName(repeated)}” twice in its header`);
  return read.value;
}

function metadataOf(about: unknown, path: string): Record<string, string> {
  if (about === undefined) return {};
  if (!isJsonObject(about) || Object.values(about).some((value) => typeof value !== 'string'))
    throw corrupt(path, `has a ${METADATA_KEY} that is not an object of strings`);
  return about as Record<string, string>;
}

/** A tensor of the header, its size held against type and shape. */
function tensorOf(path: string, name: string, entry: unknown, dataStart: number): StoredTensor {
  const wrong = (problem: string): EspalierError =>
    corrupt(path, `has a tensor ${shortName(name)} ${problem}`);
  if (name.length > MAX_NAME_BYTES) throw wrong('with a name of that length');
  if (!isJsonObject(entry)) throw wrong('whose entry is not an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string') throw wrong('without a dtype');
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isCount))
    throw wrong('without a shape of whole numbers');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    throw wrong('without two data_offsets');
  const [begin, end] = offsets as [number, number];
  const bits = bitsOf(dtype);
  if (bits === null)
    throw new EspalierError(
      'unsupported-graph',
      `The tensor ${shortName(name)} in ${path} has the type ${shortName(dtype)}, which is not ` +
        'known here.',
      'Save the checkpoint with float32, float16 or bfloat16 weights.',
    );
  const expected = byteLength(bits, shape);
  if (expected !== end - begin)
    throw wrong(
      `with ${end - begin} bytes, where ${dtype} of [${shape.slice(0, 8).join(', ')}] has ` +
        `${expected ?? 'no whole number of them'}`,
    );
  return {
    name,
    type: dtype,
    shape,
    data: { file: path, offset: dataStart + begin, length: end - begin },
  };
}

/** The tensors must cover the data without gap or overlap. */
function requireTiled(
  path: string,
  tensors: readonly StoredTensor[],
  dataStart: number,
  size: number,
): void {
  const ordered = [...tensors].sort(
    (a, b) => a.data.offset - b.data.offset || a.data.length - b.data.length,
  );
  let at = dataStart;
  for (const { name, data } of ordered) {
    if (data.offset !== at)
      throw corrupt(
        path,
        `has ${data.offset > at ? 'a gap before' : 'an overlap with'} the tensor ` +
          `${shortName(name)}: its data begins at byte ${data.offset}, and that before it ends ` +
          `at ${at}`,
      );
    at += data.length;
  }
  if (at !== size) throw corrupt(path, `has ${size} bytes, and its tensors end at byte ${at}`);
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** @param problem the rest of the sentence after the name of the file */
export function corrupt(path: string, problem: string, detail = ''): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `${path} ${problem}.`,
    'The download may have stopped early, or it is no safetensors file: get the file again.',
    detail,
  );
}
