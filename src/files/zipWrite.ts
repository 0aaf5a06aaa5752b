// Produces a zip chunk by chunk: stored entries, Zip64 where needed, checksums after the bytes.

import type { ManifestFile } from '../model/export/graphFiles.ts';
import {
  type Chunk,
  checkPaths,
  chunkBytes,
  chunksOf,
  totalBytes,
  type WriteJob,
} from './chunks.ts';
import { crc32 } from './crc32.ts';

// Signatures and layouts: PKWARE APPNOTE 6.3, sections 4.3 to 4.5. All numbers are little-endian.
const LOCAL = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
/** Version 4.5: Zip64. Made by Unix, so that the file mode counts. */
const VERSION = 45;
const MADE_BY = (3 << 8) | VERSION;
/** Checksum and sizes follow the bytes; names are UTF-8. */
const FLAGS = 0x0808;
/** Unix mode of a regular file that owner and group may write. */
const MODE = 0o100664 * 0x10000;
/** Value of a 32-bit, or 16-bit, field whose number is in the Zip64 record instead. */
const FULL = 0xffffffff;
const FULL_COUNT = 0xffff;
/** Bytes whose checksum is computed at a time. */
const READ_BYTES = 4 * 2 ** 20;

interface Entry {
  name: Uint8Array<ArrayBuffer>;
  size: number;
  offset: number;
  crc: number;
}

/** A field of a record: [bytes, value]. */
type Field = readonly [2 | 4 | 8, number];

function record(...fields: Field[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else if (bytes === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/**
 * A zip with every file in one folder `root`. Memory stays at a few chunks.
 * @param modified the time that all entries carry.
 * @throws EspalierError as `chunksOf`, and `bad-input` as `checkPaths`.
 */
export async function* zipChunks(
  root: string,
  job: WriteJob,
  modified = new Date(),
): AsyncGenerator<Chunk> {
  checkPaths(job.files);
  const total = totalBytes(job.files);
  const when = dosTime(modified);
  const entries: Entry[] = [];
  let offset = 0;
  let done = 0;
  job.onProgress?.(0, total);
  for (const file of job.files) {
    const entry: Entry = { name: nameOf(root, file), size: file.size, offset, crc: 0 };
    const large = file.size >= FULL;
    const head = local(entry, when, large);
    yield head;
    for await (const chunk of chunksOf(file, job.source, job.signal)) {
      entry.crc = await checksum(chunk, entry.crc);
      yield chunk;
      done += chunkBytes(chunk);
      job.onProgress?.(done, total);
    }
    const sizes = large ? 8 : 4;
    const tail = record([4, DESCRIPTOR], [4, entry.crc], [sizes, file.size], [sizes, file.size]);
    yield tail;
    entries.push(entry);
    offset += head.length + file.size + tail.length;
  }
  yield joined(
    ...entries.flatMap((entry) => [central(entry, when), entry.name, central64(entry)]),
    end(entries, offset),
  );
}

async function checksum(chunk: Chunk, before: number): Promise<number> {
  if (chunk instanceof Uint8Array) return crc32(chunk, before);
  let crc = before;
  for (let at = 0; at < chunk.size; at += READ_BYTES)
    crc = crc32(new Uint8Array(await chunk.slice(at, at + READ_BYTES).arrayBuffer()), crc);
  return crc;
}

/** The local header, without a checksum yet; a Zip64 extra field announces sizes of eight bytes. */
function local({ name, size }: Entry, when: number, large: boolean): Uint8Array<ArrayBuffer> {
  const [field, extra] = large
    ? [FULL, record([2, 1], [2, 16], [8, size], [8, size])]
    : [0, new Uint8Array(0)];
  const head = record(
    [4, LOCAL],
    [2, VERSION],
    [2, FLAGS],
    [2, 0],
    [4, when],
    [4, 0],
    [4, field],
    [4, field],
  );
  return joined(head, record([2, name.length], [2, extra.length]), name, extra);
}

function central(entry: Entry, when: number): Uint8Array<ArrayBuffer> {
  const size = Math.min(entry.size, FULL);
  const extra = central64(entry).length;
  return record(
    ...([
      [4, CENTRAL],
      [2, MADE_BY],
      [2, VERSION],
      [2, FLAGS],
      [2, 0],
      [4, when],
      [4, entry.crc],
      [4, size],
      [4, size],
    ] as const),
    ...([
      [2, entry.name.length],
      [2, extra],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, MODE],
      [4, Math.min(entry.offset, FULL)],
    ] as const),
  );
}

/** The Zip64 extra field of an entry: only numbers that do not fit 32 bits, sizes first. */
function central64({ size, offset }: Entry): Uint8Array<ArrayBuffer> {
  const large: Field[] = [];
  if (size >= FULL) large.push([8, size], [8, size]);
  if (offset >= FULL) large.push([8, offset]);
  return large.length === 0 ? new Uint8Array(0) : record([2, 1], [2, 8 * large.length], ...large);
}

/** The end-of-directory records of the central directory that starts at `offset`. */
function end(entries: readonly Entry[], offset: number): Uint8Array<ArrayBuffer> {
  const count = entries.length;
  const size = entries.reduce(
    (sum, entry) => sum + 46 + entry.name.length + central64(entry).length,
    0,
  );
  const short = Math.min(count, FULL_COUNT);
  const last = record(
    [4, END],
    [2, 0],
    [2, 0],
    [2, short],
    [2, short],
    [4, Math.min(size, FULL)],
    [4, Math.min(offset, FULL)],
    [2, 0],
  );
  if (count < FULL_COUNT && size < FULL && offset < FULL) return last;
  const last64 = record(
    [4, END64],
    [8, 44],
    [2, MADE_BY],
    [2, VERSION],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, offset],
  );
  return joined(last64, record([4, LOCATOR64], [4, 0], [8, offset + size], [4, 1]), last);
}

function nameOf(root: string, { path }: ManifestFile): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${root}/${path}`);
}

/** MS-DOS time (low 16 bits) and date (high 16 bits): local time, two-second steps, from 1980. */
function dosTime(date: Date): number {
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  return (
    ((((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate()) *
      0x10000 +
      time) >>>
    0
  );
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
