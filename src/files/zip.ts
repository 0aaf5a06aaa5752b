// Reads a zip as a folder without unpacking it first.

import { unzipRaw } from 'unzipit';
import { EspalierError } from '../errors.ts';
import { isClutter } from '../model/open/clutter.ts';
import { shortName } from '../onnx/limits.ts';
import type { ByteSource } from '../onnx/source.ts';
import { type CountingFolder, type FileAt, fileFolder, unread } from './folder.ts';
import { inflatedSource } from './inflate.ts';

/** Entries of one zip; a model folder has some dozens. Each takes two reads to open the zip. */
export const MAX_ZIP_ENTRIES = 10_000;
/**
 * Bytes that compressed entries may unpack to, as a multiple of the size of the zip. Compression
 * takes a tenth off weights and leaves a fifth of texts.
 */
export const MAX_INFLATION = 8;

/** Compression methods of the zip format. */
const STORED = 0;
const DEFLATED = 8;

/**
 * A zip as a folder: stored entries are ranges of the Blob, compressed ones are unpacked when they
 * are first read. A top folder that all entries share becomes the name of the folder, else the file
 * name of the zip does.
 * @param file name of the zip for people; none for one in memory.
 * @throws EspalierError `corrupt-file` when the file is no zip, when an entry is encrypted or has
 *   an unknown compression, or when its path is outside the folder or occurs twice; `too-large`
 *   beyond MAX_ZIP_ENTRIES and MAX_INFLATION; `missing-file` when the zip cannot be read any more.
 */
export async function openZip(blob: Blob, file = 'zip'): Promise<CountingFolder> {
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
    // Some tools of Windows write its separator.
    const path = entry.name.replaceAll('\\', '/').replace(/^(\.\/)+/, '');
    if (entry.isDirectory || path.endsWith('/') || isClutter(path)) continue;
    const packed = entry.compressionMethod !== STORED;
    if (entry.encrypted || (packed && entry.compressionMethod !== DEFLATED))
      throw refused(
        entry.name,
        `is ${entry.encrypted ? 'encrypted' : 'compressed'} in the zip`,
        'Unpack the zip and open the folder.',
      );
    if (!isInside(path))
      throw refused(
        entry.name,
        'has a path that leaves the zip',
        'Get the zip from a source you trust.',
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
      // The blob of a stored entry is a slice of the zip, not a copy.
    } else files.push({ path, file: await entry.blob().catch(unreadable) });
  }
  const [first = ''] = paths;
  const root = first.split('/')[0] ?? '';
  const shared = paths.size > 0 && [...paths].every((path) => path.startsWith(`${root}/`));
  const inside = shared ? root.length + 1 : 0;
  const stored = fileFolder(
    shared ? root : file.replace(/\.zip$/i, ''),
    files.map(({ path, file }) => ({ path: path.slice(inside), file })),
  );
  const sources = new Map([...inflated].map(([path, source]) => [path.slice(inside), source]));
  return {
    name: stored.name,
    what: file === 'zip' ? 'the zip' : `the zip ${file}`,
    files: [...stored.files, ...[...sources].map(([path, { size }]) => ({ path, size }))],
    open: (path) => sources.get(path) ?? stored.open(path),
    bytesRead: () => stored.bytesRead() + read,
  };
}

/** Reads ranges of the Blob and refuses those outside it: lengths come from the file itself. */
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
    !/\0|^[A-Za-z]:/.test(path) &&
    path.split('/').every((step) => step !== '' && step !== '.' && step !== '..')
  );
}

function unreadable(error: unknown): never {
  const message = 'The file is not a readable zip.';
  throw (
    unread('of the zip', error) ??
    new EspalierError('corrupt-file', message, 'Choose another file.', String(error))
  );
}

function refused(name: string, why: string, hint: string): EspalierError {
  return new EspalierError('corrupt-file', `${shortName(name)} ${why}.`, hint);
}
