// Expands the compressed files of the kit, once; the archive is small because of them.

import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';

const lib = dirname(fileURLToPath(import.meta.url));
const list = join(lib, 'packed.json');

const NOT_WRITABLE = 'its folder cannot be written. Unpack the archive in a folder of your own.';
const WORDS = {
  EACCES: NOT_WRITABLE,
  EPERM: NOT_WRITABLE,
  EROFS: NOT_WRITABLE,
  ENOSPC: 'the disk is full. It needs 65 MB.',
};

/** Two processes may do this at once: each writes a file of its own and renames it. */
async function expand(path) {
  const target = join(lib, '..', path);
  const packed = `${target}.br`;
  const part = `${target}.${process.pid}`;
  try {
    await pipeline(createReadStream(packed), createBrotliDecompress(), createWriteStream(part));
    await rename(part, target);
  } catch (error) {
    await rm(part, { force: true });
    // Another process has done it in the meantime.
    if (error.code === 'ENOENT' && existsSync(target)) return;
    throw error;
  }
  await rm(packed, { force: true });
}

try {
  // Gone where another process has finished first.
  const paths = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : [];
  if (paths.length > 0) console.error('Unpacking, once ...');
  for (const path of paths) await expand(path);
  await rm(list, { force: true });
} catch (error) {
  const why = WORDS[error.code] ?? `${error.message}. Unpack the archive again.`;
  console.error(`The kit could not be unpacked: ${why}`);
  process.exit(1);
}
