// Reads a zip as a folder without unpacking it; must not hold an entry.

import { unzipRaw } from 'unzipit';
import { EspalierError } from '../errors.ts';
import { shown } from '../onnx/limits.ts';
import { type CountingFolder, type FileAt, fileFolder } from './folder.ts';

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
