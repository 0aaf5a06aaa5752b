// Writes an export to the local disk in constant memory; nothing is overwritten, and a failure
// leaves nothing that looks complete.

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EspalierError } from '../errors.ts';
import { manifestSource } from '../model/export/folder.ts';
import type { ManifestFile } from '../model/export/graphFiles.ts';
import type { Folder } from '../onnx/source.ts';
import { fsError } from './fsError.ts';

/** Bytes of a chunk; each worker holds one. */
const CHUNK_BYTES = 4 * 2 ** 20;
/** Two, so that one chunk is read while another is written. */
const WORKERS = 2;

/**
 * Writes into a temporary folder beside `out` and renames it at the end. An existing empty `out` is
 * filled in place instead, since it may be the current folder or a mount point.
 * @param onBytes called with the bytes written and the bytes in all.
 * @throws EspalierError `bad-input` when `out` exists and is not an empty folder; `disk-full` and
 *   other errors of the disk; whatever the source throws.
 */
export async function writeFolder(
  out: string,
  files: readonly ManifestFile[],
  source: Folder,
  onBytes: (done: number, total: number) => void,
): Promise<void> {
  const target = resolve(out);
  const exists = existsSync(target);
  await requireFree(out);
  const temporary = join(
    exists ? target : dirname(target),
    `.${basename(target)}.${randomUUID()}.part`,
  );
  try {
    await mkdir(dirname(temporary), { recursive: true });
    await mkdir(temporary);
    await writeFiles(temporary, files, source, onBytes);
    if (exists) {
      for (const name of await readdir(temporary))
        await rename(join(temporary, name), join(target, name));
      await rmdir(temporary);
    } else await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw fsError(error, `${out} cannot be written`);
  }
}

/**
 * Sees that a folder can be written, before the work whose result goes there. @throws EspalierError
 * `bad-input`
 */
export async function requireFree(out: string): Promise<void> {
  const target = resolve(out);
  if (!existsSync(target) || (await readdir(target).catch(() => ['a file'])).length === 0) return;
  throw new EspalierError(
    'bad-input',
    `${out} exists and is not an empty folder.`,
    'Name a new folder; nothing is overwritten.',
  );
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
  const copyChunks = async (): Promise<void> => {
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
  // When one worker fails, the other stops at its next chunk.
  const stop = (error: unknown): never => {
    next = source.size;
    throw error;
  };
  await Promise.all(Array.from({ length: WORKERS }, () => copyChunks().catch(stop)));
}
