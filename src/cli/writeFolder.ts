// Writes the files of an export to the local disk in constant memory; a run that fails leaves nothing that looks whole, and nothing is overwritten.

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EspalierError } from '../errors.ts';
import type { ManifestFile } from '../model/manifest.ts';
import { manifestSource } from '../model/manifestFolder.ts';
import type { Folder } from '../onnx/source.ts';
import { fsError } from './fsError.ts';

/** Bytes held at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Writes into a new folder beside `out` and renames it at the end; an `out` that is there and empty is filled in place, so that it may be the
 * current folder or a mounted disk.
 * @throws EspalierError `bad-input` when `out` exists and is not an empty folder, `disk-full` and others of the disk; what the source throws.
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
    throw new EspalierError('bad-input', `${out} exists and is not an empty folder.`, 'Name a new folder; nothing is overwritten.');
  const temporary = join(there ? target : dirname(target), `.${basename(target)}.${randomUUID()}.part`);
  try {
    await mkdir(dirname(temporary), { recursive: true });
    await mkdir(temporary);
    await writeFiles(temporary, files, source, onBytes);
    if (there) {
      for (const name of await readdir(temporary)) await rename(join(temporary, name), join(target, name));
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
      const bytes = manifestSource(file, source);
      for (let at = 0; at < file.size; at += CHUNK_BYTES) {
        const chunk = await bytes.read(at, Math.min(CHUNK_BYTES, file.size - at));
        // writeFile goes on from the current position until all is written; write may stop short.
        await handle.writeFile(chunk);
        done += chunk.length;
        onBytes(done, total);
      }
    } finally {
      await handle.close();
    }
  }
}
