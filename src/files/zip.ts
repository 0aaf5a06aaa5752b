// Reads a zip as a folder without unpacking it; must not hold an entry.

import { unzipRaw } from 'unzipit';
import { EspalierError } from '../errors.ts';
import { shortName } from '../onnx/limits.ts';
import type { ByteSource } from '../onnx/source.ts';
import { type CountingFolder, type FileAt, fileFolder, unread } from './folder.ts';
import { inflatedSource } from './inflate.ts';

/**
 * Entries of one zip; a model folder has some dozens. Each costs two reads before anything is
 * shown.
 */
export const MAX_ZIP_ENTRIES = 10_000;
/**
 * What compressed entries may unpack to, in sizes of the zip: weights shrink by a tenth, texts to a
 * fifth.
 */
export const MAX_INFLATION = 8;

/** Compression methods of the zip format. */
const STORED = 0;
const DEFLATED = 8;

/**
 * A zip as a folder: stored entries are ranges of the blob, compressed ones are unpacked when they
 * are read. A folder that all entries share is taken off their paths and names the result.
 * @throws EspalierError `corrupt-file` when it is no zip, an entry is encrypted or packed in an
 *   unknown way, or its path leaves the folder or
 *   comes twice, `too-large` beyond MAX_ZIP_ENTRIES and MAX_INFLATION, `missing-file` when the zip
 *   is gone
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
  const inflated = new Map<string, ByteSource>();
  const paths = new Set<string>();
  let [unpacked, read] = [0, 0];
  for (const entry of entries) {
    if (entry.isDirectory) continue;
    const packed = entry.compressionMethod !== STORED;
    if (entry.encrypted || (packed && entry.compressionMethod !== DEFLATED))
      throw refused(
        entry.name,
        `is ${entry.encrypted ? 'encrypted' : 'compressed'} in the zip`,
        'Unpack the zip and open the folder.',
      );
    const path = entry.name.replace(/^(\.\/)+/, '');
    if (!isInside(path))
      throw refused(
        entry.name,
        'has a path that leaves the zip',
        'Get the zip from where you trust it.',
      );
    if (paths.has(path))
      throw refused(entry.name, 'is in the zip twice', 'Unpack the zip and open the folder.');
    paths.add(path);
    if (packed) {
      unpacked += entry.size;
      if (unpacked > MAX_INFLATION * blob.size)
        throw new EspalierError(
          'too-large',
          `${shortName(entry.name)} would unpack to more than ${MAX_INFLATION} times the size of ` +
            'the zip.',
          'Unpack the zip and open the model folder inside it.',
        );
      const source = inflatedSource(path, entry, (bytes) => {
        read += bytes;
      });
      inflated.set(path, source);
      // Stored entries come as a slice of the blob, not as bytes.
    } else files.push({ path, file: await entry.blob().catch(unreadable) });
  }
  const [first = ''] = paths;
  const root = first.split('/')[0] ?? '';
  const shared = paths.size > 0 && [...paths].every((path) => path.startsWith(`${root}/`));
  const inside = shared ? root.length + 1 : 0;
  const stored = fileFolder(
    shared ? root : 'zip',
    files.map(({ path, file }) => ({ path: path.slice(inside), file })),
  );
  const sources = new Map([...inflated].map(([path, source]) => [path.slice(inside), source]));
  return {
    name: stored.name,
    files: [...stored.files, ...[...sources].map(([path, { size }]) => ({ path, size }))],
    open: (path) => sources.get(path) ?? stored.open(path),
    bytesRead: () => stored.bytesRead() + read,
  };
}

/** Reads ranges of the blob, none that ends behind it: lengths come from the file itself. */
function boundedReader(blob: Blob) {
  const inside = (offset: number, length: number): Blob => {
    if (offset < 0 || length < 0 || offset + length > blob.size)
      throw new Error(`bytes ${offset} to ${offset + length} of ${blob.size}`);
    return blob.slice(offset, offset + length);
  };
  return {
    getLength: async () => blob.size,
    read: async (offset: number, length: number) =>
      new Uint8Array(await inside(offset, length).arrayBuffer()),
    sliceAsBlob: async (offset: number, length: number) => inside(offset, length),
  };
}

function isInside(path: string): boolean {
  return (
    !/[\\\0]|^[A-Za-z]:/.test(path) &&
    path.split('/').every((step) => step !== '' && step !== '.' && step !== '..')
  );
}

function unreadable(error: unknown): never {
  const why = 'The file is not a zip that can be read.';
  throw (
    unread('of the zip', error) ??
    new EspalierError('corrupt-file', why, 'Choose another file.', String(error))
  );
}

function refused(name: string, why: string, hint: string): EspalierError {
  return new EspalierError('corrupt-file', `${shortName(name)} ${why}.`, hint);
}
