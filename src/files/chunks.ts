// The files of an export as chunks of bounded size, in the order in which they are written.

import { EspalierError, throwIfCancelled } from '../errors.ts';
import { manifestSource } from '../model/export/folder.ts';
import type { ManifestFile } from '../model/export/graphFiles.ts';
import { rangesOf } from '../onnx/bytes.ts';
import type { Folder } from '../onnx/source.ts';

export interface WriteJob {
  files: readonly ManifestFile[];
  /** Where ranges, and what is computed from them, are read from. */
  source: Folder;
  /** Called after every chunk with the bytes written and the bytes in all. */
  onProgress?: (done: number, total: number) => void;
  signal?: { readonly aborted: boolean };
}

/** Bytes held at a time where the source has no Blobs. */
const CHUNK_BYTES = 4 * 2 ** 20;
/**
 * Bytes that the browser copies at a time: enough for the waits in between not to matter, few
 * enough for progress and cancellation.
 */
const BLOB_BYTES = 16 * 2 ** 20;

/** Bytes of all files. */
export function totalBytes(files: readonly ManifestFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/** @throws EspalierError `bad-input` for a path outside the folder or one that occurs twice. */
export function checkPaths(files: readonly ManifestFile[]): void {
  const seen = new Set<string>();
  for (const { path } of files) {
    const steps = path.split('/');
    if (
      steps.some((step) => step === '' || step === '.' || step === '..') ||
      path.includes('\\') ||
      path.includes('\0')
    )
      throw new EspalierError(
        'bad-input',
        `The path ${JSON.stringify(path)} is outside the export folder.`,
        'Nothing was written.',
      );
    if (seen.has(path))
      throw new EspalierError(
        'bad-input',
        `The file ${path} would be written twice.`,
        'Nothing was written.',
      );
    seen.add(path);
  }
}

/**
 * What is written at a time: bytes, or a range of the user's files that the browser copies itself.
 */
export type Chunk = Uint8Array<ArrayBuffer> | Blob;

/** Number of bytes of a chunk. */
export function chunkBytes(chunk: Chunk): number {
  return chunk instanceof Uint8Array ? chunk.length : chunk.size;
}

/**
 * One file in chunks of constant size: Blobs where the source has them, bytes otherwise.
 * @throws EspalierError `missing-file` or `corrupt-file` of the source; `cancelled`; `bug` when the
 *   parts do not add up to `size`.
 */
export async function* chunksOf(
  file: ManifestFile,
  source: Folder,
  signal?: { readonly aborted: boolean },
): AsyncGenerator<Chunk> {
  const sum = file.parts.reduce((bytes, part) => bytes + part.length, 0);
  if (sum !== file.size)
    throw new EspalierError(
      'bug',
      `The parts of ${file.path} have ${sum} bytes, but its size is ${file.size}.`,
    );
  const bytes = manifestSource(file, source);
  const blob = bytes.blob?.(0, file.size) ?? null;
  const most = blob ? BLOB_BYTES : CHUNK_BYTES;
  for (let at = 0; at < file.size; at += most) {
    throwIfCancelled(signal);
    const length = Math.min(most, file.size - at);
    yield blob ? blob.slice(at, at + length) : await bytes.read(at, length);
  }
}

/**
 * Reads one byte of every source file. When a browser copies Blobs and a source file is gone, it
 * reports only that writing failed; this finds out.
 * @throws EspalierError `missing-file` when a source file was changed, moved or removed.
 */
export async function checkSource({ files, source }: WriteJob): Promise<void> {
  const checked = new Set<string>();
  for (const { file, offset, length } of files.flatMap(({ parts }) => parts.flatMap(rangesOf))) {
    if (checked.has(file)) continue;
    checked.add(file);
    await source.open(file)?.read(offset, Math.min(1, length));
  }
}

/**
 * Weights first, then graphs, then configs, espalier.json last, so that an unfinished folder cannot
 * be taken for a complete one.
 */
export function safeOrder(files: readonly ManifestFile[]): ManifestFile[] {
  const rank = ({ path }: ManifestFile): number => {
    if (path === 'espalier.json') return 3;
    if (path.endsWith('.json')) return 2;
    return path.endsWith('.onnx') ? 1 : 0;
  };
  return [...files].sort((a, b) => rank(a) - rank(b));
}
