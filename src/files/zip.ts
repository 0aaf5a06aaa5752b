// Streams an export into a zip (stored, Zip64 where needed) and reads a zip as a folder without unpacking it.

import { makeZip, predictLength } from 'client-zip';
import { unzipRaw } from 'unzipit';
import { EspalierError } from '../errors.ts';
import { shown } from '../onnx/limits.ts';
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

/** Entries of one zip; a model folder has some dozens. Each costs two reads before anything is shown. */
export const MAX_ZIP_ENTRIES = 10_000;

/**
 * A zip as a folder: entries are ranges of the blob. A folder that all entries share is taken off their paths and names the result.
 * @throws EspalierError `corrupt-file` when it is no zip, an entry is compressed or encrypted, or its path leaves the folder or comes twice,
 *   `too-large` beyond MAX_ZIP_ENTRIES
 */
export async function openZip(blob: Blob): Promise<CountingFolder> {
  const { entries } = await unzipRaw(boundedReader(blob)).catch(unreadable);
  if (entries.length > MAX_ZIP_ENTRIES)
    throw new EspalierError(
      'too-large',
      `The zip has ${entries.length} entries; Espalier stops at ${MAX_ZIP_ENTRIES}.`,
      'Unpack the zip and open the model folder inside it.',
    );
  const files: FileAt[] = [];
  const paths = new Set<string>();
  for (const entry of entries) {
    if (entry.isDirectory) continue;
    if (entry.compressionMethod !== 0 || entry.encrypted)
      throw refused(entry.name, `is ${entry.encrypted ? 'encrypted' : 'compressed'} in the zip`, 'Unpack the zip and open the folder.');
    const path = entry.name.replace(/^(\.\/)+/, '');
    if (!isInside(path)) throw refused(entry.name, 'has a path that leaves the zip', 'Get the zip from where you trust it.');
    if (paths.has(path)) throw refused(entry.name, 'is in the zip twice', 'Unpack the zip and open the folder.');
    paths.add(path);
    // Stored entries come as a slice of the blob, not as bytes.
    files.push({ path, file: await entry.blob().catch(unreadable) });
  }
  const root = files[0]?.path.split('/')[0] ?? '';
  const shared = files.length > 0 && files.every(({ path }) => path.startsWith(`${root}/`));
  return fileFolder(shared ? root : 'zip', shared ? files.map(({ path, file }) => ({ path: path.slice(root.length + 1), file })) : files);
}

/** Reads ranges of the blob, none that ends behind it: lengths come from the file itself. */
function boundedReader(blob: Blob) {
  const inside = (offset: number, length: number): Blob => {
    if (offset < 0 || length < 0 || offset + length > blob.size) throw new Error(`bytes ${offset} to ${offset + length} of ${blob.size}`);
    return blob.slice(offset, offset + length);
  };
  return {
    getLength: async () => blob.size,
    read: async (offset: number, length: number) => new Uint8Array(await inside(offset, length).arrayBuffer()),
    sliceAsBlob: async (offset: number, length: number) => inside(offset, length),
  };
}

function isInside(path: string): boolean {
  return !/[\\\0]|^[A-Za-z]:/.test(path) && path.split('/').every((step) => step !== '' && step !== '.' && step !== '..');
}

function unreadable(error: unknown): never {
  throw new EspalierError('corrupt-file', 'The file is not a zip that can be read.', 'Choose another file.', String(error));
}

function refused(name: string, why: string, hint: string): EspalierError {
  return new EspalierError('corrupt-file', `${shown(name)} ${why}.`, hint);
}
