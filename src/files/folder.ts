// A model folder over File objects, read by slices; must not hold a file's bytes.

import { EspalierError } from '../errors.ts';
import type { ByteSource, Folder } from '../onnx/source.ts';

/** A folder that knows how many bytes were read from it. */
export interface CountingFolder extends Folder {
  /** Bytes read so far, over all files. */
  bytesRead(): number;
}

/** A file with its path inside the folder. */
export interface FileAt {
  path: string;
  file: Blob;
}

/** The refusal to read outside a file: the graph asks for more than there is. */
export function outOfRange(path: string, size: number, offset: number, length: number): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `The file ${path} has ${size} bytes; bytes ${offset} to ${offset + length} were asked for.`,
    'The file is shorter than the graph says: download it again.',
  );
}

/** True when [offset, offset + length) lies within a file of `size` bytes. */
export function inRange(size: number, offset: number, length: number): boolean {
  return Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && offset + length <= size;
}

function blobSource(path: string, blob: Blob, count: (bytes: number) => void): ByteSource {
  return {
    size: blob.size,
    async read(offset, length) {
      if (!inRange(blob.size, offset, length)) throw outOfRange(path, blob.size, offset, length);
      let buffer: ArrayBuffer | null = null;
      let reason = '';
      try {
        buffer = await blob.slice(offset, offset + length).arrayBuffer();
        if (buffer.byteLength !== length) reason = `${buffer.byteLength} of ${length} bytes came`;
      } catch (error) {
        // Browsers give NotReadableError or NotFoundError once a file was changed, moved or deleted.
        reason = String(error);
      }
      if (!buffer || reason)
        throw new EspalierError(
          'missing-file',
          `The file ${path} was changed, moved or removed after it was opened.`,
          'Put it back as it was, or open the folder again.',
          reason,
        );
      count(length);
      return new Uint8Array(buffer);
    },
    blob(offset, length) {
      if (!inRange(blob.size, offset, length)) throw outOfRange(path, blob.size, offset, length);
      return blob.slice(offset, offset + length);
    },
  };
}

/** A folder over dropped, picked or zipped files; `path` is relative to the folder, with forward slashes. */
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
