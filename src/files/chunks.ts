// Files that are still to be written, chunk by chunk and in which order; must not hold more than a
// chunk.

import { EspalierError, throwIfCancelled } from '../errors.ts';
import { manifestSource } from '../model/export/folder.ts';
import type { ManifestFile } from '../model/export/manifest.ts';
import type { Folder } from '../onnx/source.ts';

export interface WriteJob {
  files: readonly ManifestFile[];
  /** Where byte ranges are read from. */
  source: Folder;
  /** Called after every chunk with bytes written and bytes in all. */
  onProgress?: (done: number, total: number) => void;
  signal?: { readonly aborted: boolean };
}

/** Bytes held at a time where the source has no Blobs. */
const CHUNK_BYTES = 4 * 2 ** 20;
/**
 * Bytes that the browser copies at a time: large enough that the waits between them do not count,
 * small enough for progress and cancel.
 */
const BLOB_BYTES = 16 * 2 ** 20;

/** Bytes of a whole job. */
export function totalBytes(files: readonly ManifestFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/**
 * Refuses paths that leave the folder or are written twice.
 * @throws EspalierError `bad-input`
 */
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
        `The path ${JSON.stringify(path)} leaves the folder that is written.`,
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
 * What is written at a time: bytes, or a stretch of the user's files that the browser copies by
 * itself without showing it to us.
 */
export type Chunk = Uint8Array<ArrayBuffer> | Blob;

/** Bytes of a chunk. */
export function chunkBytes(chunk: Chunk): number {
  return chunk instanceof Uint8Array ? chunk.length : chunk.size;
}

/**
 * One file in chunks of constant size: Blobs where the source has them, else bytes.
 * @throws EspalierError `missing-file` or `corrupt-file` of the source, `cancelled`, `bug` when the
 *   parts do not add up to `size`
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
      `The parts of ${file.path} are ${sum} bytes, ${file.size} were announced.`,
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
 * A browser that copies Blobs says of a source that is gone only that writing failed: this asks the
 * source itself.
 * @throws EspalierError `missing-file` when a file that the job reads was changed, moved or removed
 */
export async function checkSource({ files, source }: WriteJob): Promise<void> {
  const asked = new Set<string>();
  for (const part of files.flatMap((file) => file.parts)) {
    if (part instanceof Uint8Array || asked.has(part.file)) continue;
    asked.add(part.file);
    await source.open(part.file)?.read(part.offset, Math.min(1, part.length));
  }
}

/**
 * Weights first, then graphs, then what names them: a folder that was cut off has no graph, no
 * config and no espalier.json.
 */
export function safeOrder(files: readonly ManifestFile[]): ManifestFile[] {
  const rank = ({ path }: ManifestFile): number => {
    if (path === 'espalier.json') return 3;
    if (path.endsWith('.json')) return 2;
    return path.endsWith('.onnx') ? 1 : 0;
  };
  return [...files].sort((a, b) => rank(a) - rank(b));
}
