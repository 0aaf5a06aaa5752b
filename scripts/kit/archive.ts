// Lays a kit out in a folder and writes it as one .tar.gz.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzipSync } from 'node:zlib';
import type { Entry } from './contents.ts';

/** What only developers read. */
const NOT_NEEDED = /\.(map|d\.ts)$/;
/** Above 9 a file takes minutes for a tenth less. */
const BROTLI_QUALITY = 9;
const BROTLI_WINDOW = 24;

/**
 * Copies entries from the repository into `folder`, and compresses those that are to be; returns
 * the paths of the latter, which `lib/packed.json` must list.
 */
export async function layOut(
  root: string,
  folder: string,
  entries: readonly Entry[],
): Promise<string[]> {
  const packed = entries.filter((entry) => entry.packed);
  for (const { from, to, executable } of entries.filter((entry) => !entry.packed)) {
    const target = join(folder, to);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, from), target, {
      recursive: true,
      dereference: true,
      filter: (path) => !NOT_NEEDED.test(path),
    });
    if (executable) chmodSync(target, 0o755);
  }
  await Promise.all(
    packed.map(async ({ from, to }) => {
      const bytes = readFileSync(join(root, from));
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      };
      const target = join(folder, `${to}.br`);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, await promisify(brotliCompress)(bytes, { params }));
    }),
  );
  return packed.map(({ to }) => to);
}

/** Writes `<parent>/<name>` as an archive with that one folder in it; returns its bytes. */
export function writeArchive(parent: string, name: string, target: string): number {
  const tar = execFileSync('tar', ['-cf', '-', '-C', parent, name], { maxBuffer: 2 ** 30 });
  const bytes = gzipSync(tar, { level: 9 });
  writeFileSync(target, bytes);
  return bytes.length;
}

/** All files below a folder with their sizes; paths from there. */
export function filesBelow(folder: string): { path: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path: path.slice(folder.length + 1), bytes: statSync(path).size };
    });
}
