// The file format safetensors: eight bytes with the length of a JSON header, the header, the data.
// Source: github.com/huggingface/safetensors, README, "Format".

import { EspalierError } from '../../errors.ts';
import type { Bytes } from '../../onnx/source.ts';
import { joinRanges } from '../joinRanges.ts';
import { bitsOf, byteLength } from './dtypes.ts';
import { LENGTH_BYTES, METADATA_KEY } from './header.ts';

/** A tensor to write. */
export interface WrittenTensor {
  name: string;
  /** "F32", "BF16". */
  type: string;
  /** Rows first. */
  shape: readonly number[];
  /** Little endian, row by row. */
  data: Bytes;
}

/** The header is padded with spaces, so that the data begins at a multiple of this. */
const ALIGNMENT = 8;

/**
 * A file as its parts: the header, then the tensors without gaps, in the given order. Where an
 * element would not begin at a multiple of its own size, types of more bits come first, as the
 * library of the format writes them.
 * @param metadata strings by name, `__metadata__` of the header; left out when empty
 * @throws EspalierError `bug` for data of another length than type and shape have
 */
export function safetensorsFile(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = {},
): { size: number; parts: Bytes[] } {
  const placed = isAligned(tensors)
    ? tensors
    : [...tensors].sort((a, b) => (bitsOf(b.type) ?? 0) - (bitsOf(a.type) ?? 0));
  const entries: [string, unknown][] = placed.length > 0 ? offsetsOf(placed) : [];
  if (Object.keys(metadata).length > 0) entries.unshift([METADATA_KEY, metadata]);
  // Object.fromEntries keeps a tensor of the name __proto__, and numbers would change places.
  const text = new TextEncoder().encode(
    `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`,
  );
  const length = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const head = new Uint8Array(LENGTH_BYTES + length).fill(0x20, LENGTH_BYTES);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, LENGTH_BYTES);
  const parts = [head, ...joinRanges(placed.map(({ data }) => data))];
  return { size: parts.reduce((sum, part) => sum + part.length, 0), parts };
}

/** The bytes of a file whose tensors are all in memory. */
export function safetensorsBytes(
  tensors: readonly (WrittenTensor & { data: Uint8Array })[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const { size, parts } = safetensorsFile(tensors, metadata);
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part as Uint8Array, at);
    at += part.length;
  }
  return out;
}

function offsetsOf(tensors: readonly WrittenTensor[]): [string, unknown][] {
  let at = 0;
  return tensors.map(({ name, type, shape, data }) => {
    const begin = at;
    at += data.length;
    if (byteLength(bitsOf(type) ?? 0, shape) !== data.length)
      throw new EspalierError(
        'bug',
        `${name}, ${type} of [${shape.join(', ')}], was to be written with ${data.length} bytes.`,
      );
    return [name, { dtype: type, shape, data_offsets: [begin, at] }];
  });
}

function isAligned(tensors: readonly WrittenTensor[]): boolean {
  let at = 0;
  return tensors.every(({ type, data }) => {
    const fits = at % Math.max(1, (bitsOf(type) ?? 8) / 8) === 0;
    at += data.length;
    return fits;
  });
}
