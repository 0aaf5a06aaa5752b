// Exports past 4 GiB from sparse files: parts, offsets, Zip64 and memory. What is written is sparse
// too.

import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chunkBytes } from '../../src/files/chunks.ts';
import { saveFolder, saveZip } from '../../src/files/save.ts';
import type { DirectoryTarget, FileTarget } from '../../src/files/targets.ts';
import { openZip } from '../../src/files/zip.ts';
import { exportManifest } from '../../src/model/export/manifest.ts';
import { openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { isRange, type Model } from '../../src/onnx/graph.ts';
import type { ByteRange, Folder } from '../../src/onnx/source.ts';
import { samplePath } from '../../src/testing/fixtures.ts';
import { makeExternal } from './sparse.ts';

const GIB = 2 ** 30;
/** Times the sample: 4.6 GB. */
const FACTOR = 380;
/**
 * External data files stay within this: a graph file's own limit, and that of one array of many
 * runtimes.
 */
const PART_LIMIT = 2e9;
const MARK = 8;
/** `zlib.crc32` of 4.3e9 zeros, in Python. */
const CRC_OF_ZEROS = 3839139251;
const ZEROS = new Uint8Array(4 * 2 ** 20);

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'espalier-large-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Most bytes of any piece, and of all arrays of the process, while something was written. */
const seen = { piece: 0, arrays: 0 };

/** A file of the disk that keeps zeros as holes. */
function sparseFile(path: string): FileTarget {
  return {
    name: path,
    async createWritable() {
      const file = openSync(path, 'w');
      let at = 0;
      return {
        write: async (piece) => {
          const bytes =
            piece instanceof Uint8Array ? piece : new Uint8Array(await piece.arrayBuffer());
          if (Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) !== 0)
            writeSync(file, bytes, 0, bytes.length, at);
          at += bytes.length;
          seen.piece = Math.max(seen.piece, chunkBytes(piece));
          seen.arrays = Math.max(seen.arrays, process.memoryUsage().arrayBuffers);
        },
        close: async () => {
          ftruncateSync(file, at);
          closeSync(file);
        },
        abort: async () => closeSync(file),
      };
    },
    getFile: () => Promise.reject(new Error('not asked for')),
  };
}

function sparseDirectory(path: string): DirectoryTarget {
  return {
    async getDirectoryHandle(name, options) {
      if (options?.create) mkdirSync(join(path, name), { recursive: true });
      else statSync(join(path, name));
      return sparseDirectory(join(path, name));
    },
    getFileHandle: async (name) => sparseFile(join(path, name)),
    removeEntry: async (name, options) =>
      rmSync(join(path, name), { recursive: options?.recursive ?? false }),
  };
}

/** A range of a file; Node's own Blobs of files end at 4 GiB. */
class DiskBlob extends Blob {
  private readonly path: string;
  private readonly from: number;
  private readonly to: number;

  constructor(path: string, from: number, to: number) {
    super();
    [this.path, this.from, this.to] = [path, from, to];
  }

  override get size(): number {
    return this.to - this.from;
  }

  override slice(start = 0, end = this.size): Blob {
    return new DiskBlob(this.path, this.from + start, Math.min(this.to, this.from + end));
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    const file = openSync(this.path, 'r');
    readSync(file, bytes, 0, bytes.length, this.from);
    closeSync(file);
    return bytes.buffer;
  }
}

const rangesOf = (model: Model): Map<string, ByteRange> =>
  new Map(
    [...model.graph.initializers].flatMap(([name, { data }]) =>
      isRange(data) ? [[name, data] as const] : [],
    ),
  );

/**
 * The folder with a mark of its own at both ends of each range of one file, and zeros elsewhere,
 * which costs less than reading holes.
 */
function marked(folder: Folder, path: string, ranges: readonly ByteRange[]): Folder {
  const marks = ranges.flatMap(({ offset, length }, k) => [
    { at: offset, bytes: new Uint32Array([k + 1, 1]) },
    { at: offset + length - MARK, bytes: new Uint32Array([k + 1, 2]) },
  ]);
  const size = folder.open(path)?.size ?? 0;
  const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    const out = new Uint8Array(length);
    for (const { at, bytes } of marks)
      for (const [i, byte] of new Uint8Array(bytes.buffer).entries())
        if (at + i >= offset && at + i < offset + length) out[at + i - offset] = byte;
    return out;
  };
  return { ...folder, open: (asked) => (asked === path ? { size, read } : folder.open(asked)) };
}

/** First and last bytes of a tensor. */
async function endsOf(folder: Folder, { file, offset, length }: ByteRange): Promise<string> {
  const source = folder.open(file);
  const ends = [await source?.read(offset, MARK), await source?.read(offset + length - MARK, MARK)];
  return ends.map((bytes) => Buffer.from(bytes ?? []).toString('hex')).join(' ');
}

test('a folder past 4 GiB: parts below 2 GB, every tensor where the graph says, memory of a few pieces', async () => {
  const [model, out] = [join(scratch, 'model'), join(scratch, 'out')];
  mkdirSync(model);
  mkdirSync(out);
  makeExternal(samplePath(), model, { factor: FACTOR });
  const disk = await nodeFolder(model);
  const source = rangesOf((await openModel(disk)).structure.model);
  const folder = marked(disk, 'model.onnx_data', [...source.values()]);
  const opened = await openModel(folder);

  const manifest = await exportManifest(opened, [3], { app: 'test' });
  const data = manifest.files.filter(({ path }) => path.includes('_data'));
  expect(data.map(({ path }) => path)).toEqual([
    'model.onnx_data',
    'model.onnx_data_1',
    'model.onnx_data_2',
  ]);
  for (const { size } of data) expect(size).toBeLessThanOrEqual(PART_LIMIT);
  expect(data.reduce((sum, { size }) => sum + size, 0)).toBeGreaterThan(4 * GIB);

  await saveFolder(sparseDirectory(out), 'pruned', { files: manifest.files, source: folder });
  expect(seen.piece).toBeLessThanOrEqual(4 * 2 ** 20);
  expect(seen.arrays).toBeLessThan(GIB / 2);
  const written = await nodeFolder(join(out, 'pruned'));
  expect(written.files).toEqual(
    manifest.files
      .map(({ path, size }) => ({ path, size }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
  );
  const again = await openModel(written);
  expect(again.summary.numBlocks).toBe(15);
  const kept = rangesOf(again.structure.model);
  expect(kept.size).toBeGreaterThan(70);
  for (const [name, range] of kept) {
    const original = source.get(name);
    if (!original) throw new Error(`${name} is not in the source`);
    expect([name, await endsOf(written, range)]).toEqual([name, await endsOf(folder, original)]);
  }
  await disk.close();
  await written.close();
});

test('a zip past 4 GiB: Zip64 sizes and offsets that open again', async () => {
  // One buffer of zeros stands for all of the source.
  const size = 4.3e9;
  const source: Folder = {
    name: 'zeros',
    files: [],
    open: () => ({ size, read: async (_, length) => ZEROS.subarray(0, length) }),
  };
  const files = [
    { path: 'large', size, parts: [{ file: 'w', offset: 0, length: size }] },
    { path: 'after', size: 5, parts: [new TextEncoder().encode('after')] },
  ];
  const path = join(scratch, 'large.zip');
  await saveZip(sparseFile(path), 'p', { files, source });
  const blob = new DiskBlob(path, 0, statSync(path).size);
  const folder = await openZip(blob);
  expect(folder.files).toEqual([
    { path: 'large', size },
    { path: 'after', size: 5 },
  ]);
  expect(new TextDecoder().decode(await folder.open('after')?.read(0, 5))).toBe('after');
  // Behind the bytes and in the directory.
  const crc = new Uint8Array(new Uint32Array([CRC_OF_ZEROS]).buffer);
  const end = Buffer.from(await blob.slice(size).arrayBuffer());
  expect(end.indexOf(crc)).toBeGreaterThan(0);
  expect(end.indexOf(crc, end.indexOf(crc) + 1)).toBeGreaterThan(0);
});
