// Writes the files of an export to the local disk in constant memory; a run that fails leaves
// nothing that looks whole, and nothing is overwritten.

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EspalierError } from '../errors.ts';
import { manifestSource } from '../model/export/folder.ts';
import type { ManifestFile } from '../model/export/manifest.ts';
import type { Folder } from '../onnx/source.ts';
import { fsError } from './fsError.ts';

/** Bytes held by a lane. */
const CHUNK_BYTES = 4 * 2 ** 20;
/** While one chunk is written, another is read. */
const LANES = 2;

/**
 * Writes into a new folder beside `out` and renames it at the end; an `out` that is there and empty
 * is filled in place, so that it may be the current folder or a mounted disk.
 * @throws EspalierError `bad-input` when `out` exists and is not an empty folder, `disk-full` and
 *   others of the disk; what the source throws.
 */
export async function writeFolder(
  out: string,
  files: readonly ManifestFile[],
  source: Folder,
  onBytes: (done: number, total: number) => void,
): Promise<void> {
  const target = resolve(out);
  const there = existsSync(target);
  if (there && (await readdir(target).catch(() => ['a file'])).length > 0)
    throw new EspalierError(
      'bad-input',
      `${out} exists and is not an empty folder.`,
      'Name a new folder; nothing is overwritten.',
    );
  const temporary = join(
    there ? target : dirname(target),
    `.${basename(target)}.${randomUUID()}.part`,
  );
  try {
    await mkdir(dirname(temporary), { recursive: true });
    await mkdir(temporary);
    await writeFiles(temporary, files, source, onBytes);
    if (there) {
      for (const name of await readdir(temporary))
        await rename(join(temporary, name), join(target, name));
      await rmdir(temporary);
    } else await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw fsError(error, `${out} cannot be written`);
  }
}

async function writeFiles(
  root: string,
  files: readonly ManifestFile[],
  source: Folder,
  onBytes: (done: number, total: number) => void,
): Promise<void> {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let done = 0;
  for (const file of files) {
    const path = join(root, file.path);
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'wx');
    try {
      await fill(handle, manifestSource(file, source), (bytes) => {
        done += bytes;
        onBytes(done, total);
      });
    } finally {
      await handle.close();
    }
  }
}

async function fill(
  handle: FileHandle,
  source: ReturnType<typeof manifestSource>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, source.size));
    while (next < source.size) {
      const at = next;
      next += CHUNK_BYTES;
      const length = Math.min(CHUNK_BYTES, source.size - at);
      await source.readInto(at, chunk.subarray(0, length));
      for (let done = 0; done < length; ) {
        const { bytesWritten } = await handle.write(chunk, done, length - done, at + done);
        done += bytesWritten;
      }
      onBytes(length);
    }
  };
  // Where one lane fails, the others stop at their next chunk.
  const stop = (error: unknown): never => {
    next = source.size;
    throw error;
  };
  await Promise.all(Array.from({ length: LANES }, () => lane().catch(stop)));
}
