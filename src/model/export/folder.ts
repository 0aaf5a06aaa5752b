// A manifest as a folder: its files are read from the source on demand, so that an export can be
// opened and measured before it is written.

import { EspalierError } from '../../errors.ts';
import { BytesReader, keyOf } from '../../onnx/bytes.ts';
import type { ByteRange, ByteSource, Bytes, Folder } from '../../onnx/source.ts';
import type { ManifestFile } from './graphFiles.ts';
import type { Manifest } from './request.ts';

/** The export as a Folder, byte for byte what would be written, before anything is written. */
export function manifestFolder(manifest: Manifest, source: Folder): Folder {
  const files = new Map(manifest.files.map((file) => [file.path, file]));
  return {
    name: source.name,
    files: manifest.files.map(({ path, size }) => ({ path, size })),
    open(path) {
      const file = files.get(path);
      return file ? manifestSource(file, source) : null;
    },
  };
}

/**
 * Says of bytes of the export's files what they are made of: ranges of the source, bytes derived
 * from it, or bytes in memory. What the export leaves as it is has the source's own bytes, and a
 * program that reads both has it once.
 */
export function madeOf(manifest: Manifest): (data: Bytes) => Bytes {
  const files = new Map(
    manifest.files.map((file) => [file.path, { file, starts: startsOf(file) }]),
  );
  const known = new Map<string, Bytes>();
  return function trace(data): Bytes {
    if (data instanceof Uint8Array) return data;
    if ('from' in data) {
      const from = { ...data.from, sources: data.from.sources.map(trace) };
      return { from, offset: data.offset, length: data.length };
    }
    const key = keyOf(data);
    const found = known.get(key) ?? within(data);
    known.set(key, found);
    return found;
  };

  function within({ file: path, offset, length }: ByteRange): Bytes {
    const { file, starts } = files.get(path) ?? fail(path);
    const k = firstPart(starts, offset);
    const part = file.parts[k];
    const from = offset - (starts[k] ?? 0);
    if (!part || from + length > part.length) return fail(path);
    if (part instanceof Uint8Array) return part.subarray(from, from + length);
    return { ...part, offset: part.offset + from, length };
  }

  function fail(path: string): never {
    throw new EspalierError('bug', `Bytes of ${path} were not found in the export they belong to.`);
  }
}

/** One file of a manifest as readable bytes: what save, zip, verification and speed read. */
export function manifestSource(file: ManifestFile, source: Folder): Required<ByteSource> {
  const reader = new BytesReader(source);
  const starts = startsOf(file);
  const fill = async (offset: number, target: Uint8Array): Promise<void> => {
    const end = offset + target.length;
    for (
      let k = firstPart(starts, offset);
      k < file.parts.length && (starts[k] as number) < end;
      k++
    ) {
      const part = file.parts[k] as Bytes;
      const start = starts[k] as number;
      const from = Math.max(0, offset - start);
      const to = Math.min(part.length, end - start);
      if (to > from)
        await reader
          .open(part)
          .readInto(from, target.subarray(start + from - offset, start + to - offset));
    }
  };
  let whole: Blob | null | undefined;
  return {
    size: file.size,
    async read(offset, length) {
      checkRange(file, offset, length);
      const k = firstPart(starts, offset);
      const [only, from] = [file.parts[k], offset - (starts[k] ?? 0)];
      // Most reads lie in one part: their bytes are handed on as they come.
      if (only && from + length <= only.length) return reader.open(only).read(from, length);
      const out = new Uint8Array(length);
      await fill(offset, out);
      return out;
    },
    async readInto(offset, target) {
      checkRange(file, offset, target.length);
      await fill(offset, target);
    },
    blob(offset, length) {
      whole ??= blobOf(file, reader);
      return whole?.slice(offset, offset + length) ?? null;
    },
  };
}

/**
 * The file as one Blob of the source's Blobs, without reading them, or null when a part has none.
 */
function blobOf(file: ManifestFile, reader: BytesReader): Blob | null {
  const parts: Blob[] = [];
  for (const part of file.parts) {
    const blob = reader.open(part).blob(0, part.length);
    if (!blob) return null;
    parts.push(blob);
  }
  return new Blob(parts);
}

/** Where each part starts. */
function startsOf({ parts }: ManifestFile): number[] {
  let total = 0;
  return parts.map(({ length }) => {
    total += length;
    return total - length;
  });
}

/** Index of the part that holds the byte at `offset`. */
function firstPart(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function checkRange(file: ManifestFile, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > file.size)
    throw new EspalierError(
      'corrupt-file',
      `Bytes ${offset} to ${offset + length} are outside ${file.path} of ${file.size} bytes.`,
    );
}
