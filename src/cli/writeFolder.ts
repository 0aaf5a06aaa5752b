// Writes the files of an export to the local disk in constant memory; a run that fails leaves nothing that looks whole.

import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EspalierError } from '../errors.ts';
import type { ManifestFile } from '../model/manifest.ts';
import { manifestSource } from '../model/manifestFolder.ts';
import type { Folder } from '../onnx/source.ts';

/** Bytes held at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Writes into `<out>.part` and renames it at the end.
 * @throws EspalierError `bad-input` when `out` exists and is not an empty folder; what the source throws.
 */
export async function writeFolder(
  out: string,
  files: readonly ManifestFile[],
  source: Folder,
  onBytes: (done: number, total: number) => void,
): Promise<void> {
  if (existsSync(out) && (await readdir(out).catch(() => ['a file'])).length > 0)
    throw new EspalierError('bad-input', `${out} exists and is not an empty folder.`, 'Name a new folder; nothing is overwritten.');
  const temporary = `${out.replace(/\/+$/, '')}.part`;
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let done = 0;
  await rm(temporary, { recursive: true, force: true });
  try {
    for (const file of files) {
      const path = join(temporary, file.path);
      await mkdir(dirname(path), { recursive: true });
      const handle = await open(path, 'wx');
      try {
        const bytes = manifestSource(file, source);
        for (let at = 0; at < file.size; at += CHUNK_BYTES) {
          const chunk = await bytes.read(at, Math.min(CHUNK_BYTES, file.size - at));
          await handle.write(chunk);
          done += chunk.length;
          onBytes(done, total);
        }
      } finally {
        await handle.close();
      }
    }
    await rm(out, { recursive: true, force: true });
    await rename(temporary, out);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
