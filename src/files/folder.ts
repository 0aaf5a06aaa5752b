// A model folder over File objects, read by slices.

import { EspalierError } from '../errors.ts';
import type { ByteSource, Folder } from '../onnx/source.ts';

/** A folder that counts the bytes read from it. */
export interface CountingFolder extends Folder {
  /** Bytes read so far, over all files. */
  bytesRead(): number;
}

/** A file and its path within the folder. */
export interface FileAt {
  path: string;
  file: Blob;
}

/**
 * The error of a read outside a file, which happens when a graph names a range that is not there.
 */
export function outOfRange(
  path: string,
  size: number,
  offset: number,
  length: number,
): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `The file ${path} has ${size} bytes; bytes ${offset} to ${offset + length} were requested.`,
    'The file is shorter than the graph says: download it again.',
  );
}

/** True when [offset, offset + length) lies within a file of `size` bytes. */
export function inRange(size: number, offset: number, length: number): boolean {
  return (
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= size
  );
}

function changed(path: string, detail: string): EspalierError {
  return new EspalierError(
    'missing-file',
    `The file ${path} was changed, moved or removed after it was opened.`,
    'Put it where it was, then read the folder again. Plan and scores are kept when it is ' +
      'the same model.',
    detail,
  );
}

/** The coded error of a failure to read the user's disk; null for an error of another kind. */
export function unread(path: string, error: unknown): EspalierError | null {
  const { name = '' } = error as { name?: string };
  if (name === 'NotReadableError' || name === 'NotFoundError') return changed(path, String(error));
  if (name !== 'NotAllowedError' && name !== 'SecurityError') return null;
  return new EspalierError(
    'missing-file',
    `The browser may not read the file ${path} any more: the permission for the folder was ` +
      'withdrawn.',
    'Read the folder again and allow it.',
    String(error),
  );
}

/**
 * Browsers throw a NotReadableError both for a changed file and when memory ran out. Reading a
 * single byte tells the two apart.
 */
async function whyUnread(
  path: string,
  blob: Blob,
  offset: number,
  length: number,
  error: unknown,
): Promise<EspalierError> {
  const { name } = error as { name?: string };
  const known = unread(path, error);
  if (known && name !== 'NotReadableError') return known;
  const readable = await blob
    .slice(offset, offset + 1)
    .arrayBuffer()
    .then(
      (one) => one.byteLength === 1,
      () => false,
    );
  if (length < 2 || !readable) return changed(path, String(error));
  return new EspalierError(
    'out-of-memory',
    `Memory ran out while ${length} bytes of ${path} were read.`,
    'Close other tabs, or lower the memory budget in the settings.',
    String(error),
  );
}

function blobSource(path: string, blob: Blob, count: (bytes: number) => void): ByteSource {
  return {
    size: blob.size,
    async read(offset, length) {
      if (!inRange(blob.size, offset, length)) throw outOfRange(path, blob.size, offset, length);
      const buffer = await blob
        .slice(offset, offset + length)
        .arrayBuffer()
        .catch(async (error: unknown) => {
          throw await whyUnread(path, blob, offset, length, error);
        });
      if (buffer.byteLength !== length)
        throw changed(path, `received ${buffer.byteLength} of ${length} bytes`);
      count(length);
      return new Uint8Array(buffer);
    },
    blob(offset, length) {
      if (!inRange(blob.size, offset, length)) throw outOfRange(path, blob.size, offset, length);
      return blob.slice(offset, offset + length);
    },
  };
}

/** A folder over File objects or other Blobs; paths are relative to it, with forward slashes. */
export function fileFolder(name: string, files: readonly FileAt[]): CountingFolder {
  let bytes = 0;
  const count = (n: number): void => {
    bytes += n;
  };
  const sources = new Map(files.map(({ path, file }) => [path, blobSource(path, file, count)]));
  return {
    name,
    files: files.map(({ path, file }) => ({ path, size: file.size })),
    open: (path) => sources.get(path) ?? null,
    bytesRead: () => bytes,
  };
}
