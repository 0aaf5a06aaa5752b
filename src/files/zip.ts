// Streams an export into a zip (stored, Zip64 where needed) and reads a zip as a folder without unpacking it.

import { makeZip, predictLength } from 'client-zip';
import { unzipRaw } from 'unzipit';
import { EspalierError } from '../errors.ts';
import { type CountingFolder, type FileAt, fileFolder } from './folder.ts';
import { checkPaths, chunksOf, totalBytes, type WriteJob } from './parts.ts';
import { writeFailure, writeStream } from './save.ts';
import type { FileTarget } from './targets.ts';

/** Exact bytes of the zip that `zipStream` gives. */
export function zipBytes(root: string, files: WriteJob['files']): number {
  return Number(predictLength(files.map(({ path, size }) => ({ name: `${root}/${path}`, size }))));
}

/**
 * A zip with every file under one folder `root`, made as it is read: memory stays at a few chunks.
 * @throws EspalierError (through the stream) as `chunksOf`
 */
export function zipStream(root: string, job: WriteJob, modified = new Date()): ReadableStream<Uint8Array> {
  checkPaths(job.files);
  const total = totalBytes(job.files);
  let done = 0;
  async function* counted(file: WriteJob['files'][number]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for await (const chunk of chunksOf(file, job.source, job.signal)) {
      yield chunk;
      done += chunk.length;
      job.onProgress?.(done, total);
    }
  }
  return makeZip(
    job.files.map((file) => ({ name: `${root}/${file.path}`, size: file.size, lastModified: modified, input: counted(file) })),
    { buffersAreUTF8: true },
  );
}

async function* chunksOfStream(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value as Uint8Array<ArrayBuffer>;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** A handle that can delete its file, where the browser has that. */
interface Removable {
  remove?: () => Promise<void>;
}

/**
 * Streams the zip into a file that the user chose. When it fails or is cancelled an empty file is taken away again where the browser can.
 * @throws EspalierError as `saveFolder`
 */
export async function saveZip(handle: FileTarget, root: string, job: WriteJob): Promise<void> {
  try {
    await writeStream(handle, chunksOfStream(zipStream(root, job)), () => {});
  } catch (error) {
    const left = await handle.getFile().catch(() => null);
    if (left?.size === 0) await (handle as Removable).remove?.().catch(() => {});
    throw writeFailure(handle.name, error);
  }
}

/** The zip as a Blob, for browsers without a file picker; the browser keeps large blobs on disk. */
export async function zipBlob(root: string, job: WriteJob): Promise<Blob> {
  const parts: Blob[] = [];
  for await (const chunk of chunksOfStream(zipStream(root, job))) parts.push(new Blob([chunk]));
  return new Blob(parts, { type: 'application/zip' });
}

/**
 * A zip as a folder: entries are ranges of the blob. A folder that all entries share is taken off their paths and names the result.
 * @throws EspalierError `corrupt-file` when it is no zip or an entry is compressed or encrypted
 */
export async function openZip(blob: Blob): Promise<CountingFolder> {
  const { entries } = await unzipRaw(blob).catch((error: unknown) => {
    throw new EspalierError('corrupt-file', 'The file is not a zip that can be read.', 'Choose another file.', String(error));
  });
  const files: FileAt[] = [];
  for (const entry of entries) {
    if (entry.isDirectory) continue;
    if (entry.compressionMethod !== 0 || entry.encrypted)
      throw new EspalierError(
        'corrupt-file',
        `${entry.name} is ${entry.encrypted ? 'encrypted' : 'compressed'} in the zip.`,
        'Unpack the zip and open the folder.',
      );
    // Stored entries come as a slice of the blob, not as bytes.
    files.push({ path: entry.name, file: await entry.blob() });
  }
  const root = files[0]?.path.split('/')[0] ?? '';
  const shared = files.length > 0 && files.every(({ path }) => path.startsWith(`${root}/`));
  return fileFolder(shared ? root : 'zip', shared ? files.map(({ path, file }) => ({ path: path.slice(root.length + 1), file })) : files);
}
