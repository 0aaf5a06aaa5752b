// Shows a manifest as a folder whose files are read from the source on demand; must not copy or
// keep bytes.

import { EspalierError } from '../../errors.ts';
import type { ByteRange, ByteSource, Folder } from '../../onnx/source.ts';
import type { Manifest, ManifestFile } from './manifest.ts';

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

/** One file of a manifest as readable bytes. */
export function manifestSource(file: ManifestFile, source: Folder): Required<ByteSource> {
  const starts: number[] = [];
  let total = 0;
  for (const part of file.parts) {
    starts.push(total);
    total += part.length;
  }
  const fill = async (offset: number, target: Uint8Array): Promise<void> => {
    const end = offset + target.length;
    for (
      let k = firstPart(starts, offset);
      k < file.parts.length && (starts[k] as number) < end;
      k++
    ) {
      const part = file.parts[k] as Uint8Array | ByteRange;
      const start = starts[k] as number;
      const from = Math.max(0, offset - start);
      const to = Math.min(part.length, end - start);
      if (to > from)
        await copyPart(
          part,
          from,
          target.subarray(start + from - offset, start + to - offset),
          source,
        );
    }
  };
  let whole: Blob | null | undefined;
  return {
    size: file.size,
    async read(offset, length) {
      checkRange(file, offset, length);
      const k = firstPart(starts, offset);
      const [only, from] = [file.parts[k], offset - (starts[k] ?? 0)];
      // Most reads lie in one range: their bytes are handed on as they come.
      if (only && !(only instanceof Uint8Array) && from + length <= only.length)
        return openPart(only, source).read(only.offset + from, length);
      const out = new Uint8Array(length);
      await fill(offset, out);
      return out;
    },
    async readInto(offset, target) {
      checkRange(file, offset, target.length);
      await fill(offset, target);
    },
    blob(offset, length) {
      whole ??= blobOf(file, source);
      return whole?.slice(offset, offset + length) ?? null;
    },
  };
}

/**
 * The file as one Blob of the source's Blobs, without reading them, or null when a source has none.
 */
function blobOf(file: ManifestFile, source: Folder): Blob | null {
  const parts: (Blob | Uint8Array<ArrayBuffer>)[] = [];
  for (const part of file.parts) {
    const blob =
      part instanceof Uint8Array
        ? part.slice()
        : source.open(part.file)?.blob?.(part.offset, part.length);
    if (!blob) return null;
    parts.push(blob);
  }
  return new Blob(parts);
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

async function copyPart(
  part: Uint8Array | ByteRange,
  from: number,
  target: Uint8Array,
  source: Folder,
): Promise<void> {
  if (part instanceof Uint8Array) return target.set(part.subarray(from, from + target.length));
  const file = openPart(part, source);
  if (file.readInto) await file.readInto(part.offset + from, target);
  else target.set(await file.read(part.offset + from, target.length));
}

function openPart(part: ByteRange, source: Folder): ByteSource {
  const file = source.open(part.file);
  if (!file)
    throw new EspalierError(
      'missing-file',
      `The file ${part.file} is not in the folder ${source.name} any more.`,
      'Put it back.',
    );
  return file;
}

function checkRange(file: ManifestFile, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > file.size)
    throw new EspalierError(
      'corrupt-file',
      `Bytes ${offset} to ${offset + length} are outside ${file.path} of ${file.size} bytes.`,
    );
}
