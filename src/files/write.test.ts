// Writing exports: chunks, folders, zips; what a cancel leaves behind; memory held. Failing disks
// are in saveFaults.test.ts.

import { makeZip } from 'client-zip';
import { unzip } from 'unzipit';
import { describe, expect, it } from 'vitest';
import type { ManifestFile } from '../model/export/graphFiles.ts';
import type { Folder } from '../onnx/source.ts';
import { chunkBytes, chunksOf, safeOrder, type WriteJob } from './chunks.ts';
import { fileFolder } from './folder.ts';
import { readBack, saveFolder, saveZip, zipBlob } from './save.ts';
import { MemoryDirectory, MemoryFile } from './testing/memoryDisk.ts';
import { openZip } from './zip.ts';
import { zipChunks } from './zipWrite.ts';

const bytes = (n: number, from = 0): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: n }, (_, i) => (i + from) % 251);
const MIB = 1024 * 1024;
const source = fileFolder('model', [{ path: 'onnx/w', file: new File([bytes(9 * MIB)], 'w') }]);
/** The same without Blobs, as a hosted folder is. */
const hosted: Folder = {
  ...source,
  open: (path) => {
    const file = source.open(path);
    return file && { size: file.size, read: (offset, length) => file.read(offset, length) };
  },
};
const files: ManifestFile[] = [
  { path: 'espalier.json', size: 2, parts: [new TextEncoder().encode('{}')] },
  {
    path: 'onnx/model.onnx',
    size: 300,
    parts: [bytes(100), { file: 'onnx/w', offset: 7, length: 150 }, bytes(50)],
  },
  {
    path: 'onnx/model.onnx_data',
    size: 9 * MIB - 5,
    parts: [{ file: 'onnx/w', offset: 5, length: 9 * MIB - 5 }],
  },
  { path: 'empty.txt', size: 0, parts: [] },
];
const graph = new Uint8Array([...bytes(100), ...bytes(150, 7), ...bytes(50)]);
const job = (extra: Partial<WriteJob> = {}): WriteJob => ({ files, source, ...extra });

async function expectExport(folder: Folder): Promise<void> {
  expect(folder.files.map((f) => `${f.path} ${f.size}`).sort()).toEqual(
    files.map((f) => `${f.path} ${f.size}`).sort(),
  );
  expect(await folder.open('onnx/model.onnx')!.read(0, 300)).toEqual(graph);
  expect(await folder.open('onnx/model.onnx_data')!.read(8 * MIB, 1000)).toEqual(
    bytes(1000, 8 * MIB + 5),
  );
}

describe('parts', () => {
  it('are Blobs of at most 16 MiB, or bytes of at most 4 MiB without Blobs', async () => {
    const shapes = async (folder: Folder, file: ManifestFile): Promise<string[]> => {
      const out: string[] = [];
      for await (const chunk of chunksOf(file, folder))
        out.push(`${chunk.constructor.name} ${chunkBytes(chunk) / MIB}`);
      return out;
    };
    const twice: ManifestFile = {
      path: 'x',
      size: 18 * MIB,
      parts: Array(2).fill({ file: 'onnx/w', offset: 0, length: 9 * MIB }),
    };
    expect(await shapes(source, twice)).toEqual(['Blob 16', 'Blob 2']);
    expect(await shapes(hosted, twice)).toEqual([
      'Uint8Array 4',
      'Uint8Array 4',
      'Uint8Array 4',
      'Uint8Array 4',
      'Uint8Array 2',
    ]);
  });

  it('must add up and must be there', async () => {
    const drain = async (file: ManifestFile): Promise<void> => {
      for await (const _ of chunksOf(file, source));
    };
    await expect(drain({ path: 'a', size: 3, parts: [bytes(2)] })).rejects.toEqual(
      expect.objectContaining({ code: 'bug' }),
    );
    await expect(
      drain({ path: 'a', size: 3, parts: [{ file: 'x', offset: 0, length: 3 }] }),
    ).rejects.toEqual(expect.objectContaining({ code: 'missing-file' }));
  });

  it('are written weights first, espalier.json last', () => {
    expect(safeOrder(files).map((f) => f.path)).toEqual([
      'onnx/model.onnx_data',
      'empty.txt',
      'onnx/model.onnx',
      'espalier.json',
    ]);
  });
});

describe('folder export', () => {
  it.each([
    ['files', source],
    ['a hosted folder', hosted],
  ])('writes every byte of %s, tells progress, and reads back', async (_, from) => {
    const disk = new MemoryDirectory();
    const seen: [number, number][] = [];
    const saved = await saveFolder(
      disk,
      'pruned',
      job({ source: from, onProgress: (done, total) => seen.push([done, total]) }),
    );
    expect(saved.name).toBe('pruned');
    await expectExport(fileFolder(saved.name, await readBack(saved.handle, files)));
    const total = files.reduce((sum, f) => sum + f.size, 0);
    expect(seen.at(-1)).toEqual([total, total]);
    await expect(readBack(saved.handle, [{ path: 'onnx/other' }])).rejects.toThrow('onnx/other');
  });

  it('never writes over what is there', async () => {
    const disk = new MemoryDirectory();
    await saveFolder(disk, 'pruned', job());
    await disk.getFileHandle('pruned-2', { create: true });
    expect((await saveFolder(disk, 'pruned', job())).name).toBe('pruned-3');
  });

  it('refuses paths that leave the folder or come twice, before it writes', async () => {
    const disk = new MemoryDirectory();
    for (const path of ['../x', '/x', 'a//b', 'a/../../b', 'a\\b', ''])
      await expect(
        saveFolder(disk, 'p', job({ files: [{ path, size: 0, parts: [] }] })),
      ).rejects.toEqual(expect.objectContaining({ code: 'bad-input' }));
    await expect(saveFolder(disk, 'p', job({ files: [files[0]!, files[0]!] }))).rejects.toThrow(
      'twice',
    );
    expect(disk.folders.size).toBe(0);
  });
});

describe('zip export', () => {
  it('is byte for byte what another maker of zips gives', async () => {
    const modified = new Date(2024, 1, 15, 12, 30, 44);
    const entry = ({ path, size }: ManifestFile) => source.open(path)?.blob?.(0, size);
    const others = makeZip([
      {
        name: 'p/w',
        lastModified: modified,
        input: entry({ path: 'onnx/w', size: 9 * MIB, parts: [] }) ?? '',
      },
    ]);
    const copied = {
      path: 'w',
      size: 9 * MIB,
      parts: [{ file: 'onnx/w', offset: 0, length: 9 * MIB }],
    };
    const own: Uint8Array[] = [];
    for await (const chunk of zipChunks('p', job({ files: [copied], source: hosted }), modified))
      own.push(chunk as Uint8Array);
    const a = new Uint8Array(await new Response(others).arrayBuffer());
    const b = new Uint8Array(await new Blob(own as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    expect(b.length).toBe(a.length);
    expect(Buffer.compare(a, b)).toBe(0);
  });

  it.each([
    ['files', source],
    ['a hosted folder', hosted],
  ])('of %s opens as the same folder', async (_, from) => {
    const folder = await openZip(await zipBlob('pruned', job({ source: from })));
    expect(folder.name).toBe('pruned');
    await expectExport(folder);
    expect(folder.bytesRead()).toBe(1300);
  });

  it('is whole for a reader that checks it', async () => {
    const { entries } = await unzip(await (await zipBlob('pruned', job())).arrayBuffer());
    expect(new Uint8Array(await entries['pruned/onnx/model.onnx']!.arrayBuffer())).toEqual(graph);
  });

  it('streams into a file, and a cancel leaves none', async () => {
    const file = new MemoryFile('pruned.zip');
    await saveZip(file, 'pruned', job());
    await expectExport(await openZip(await file.getFile()));
    const cancelled = new MemoryFile('pruned.zip');
    const signal = { aborted: false };
    const onProgress = (): void => {
      signal.aborted = true;
    };
    await expect(saveZip(cancelled, 'pruned', job({ signal, onProgress }))).rejects.toEqual(
      expect.objectContaining({ code: 'cancelled' }),
    );
    expect([cancelled.aborted, cancelled.removed, cancelled.content.length]).toEqual([1, true, 0]);
  });

  it('holds a few chunks of a 200 MB export, not all of it', async () => {
    let open = 0;
    let most = 0;
    const zeros: Folder = {
      name: 'zeros',
      files: [],
      open: () => ({
        size: 2e8,
        read: async (_, length) => {
          open += length;
          most = Math.max(most, open);
          return new Uint8Array(length);
        },
      }),
    };
    const target = new MemoryFile('z.zip');
    let sent = 0;
    target.createWritable = async () => ({
      write: async (chunk) => {
        if (chunkBytes(chunk) > 1000) open -= chunkBytes(chunk);
        sent += chunkBytes(chunk);
      },
      close: async () => {},
      abort: async () => {},
    });
    await saveZip(target, 'z', {
      files: [{ path: 'w', size: 2e8, parts: [{ file: 'w', offset: 0, length: 2e8 }] }],
      source: zeros,
    });
    expect(sent).toBeGreaterThan(2e8);
    expect(most).toBeLessThan(3 * 4 * MIB);
  });

  it('refuses what is no zip', async () => {
    await expect(openZip(new Blob([bytes(100)]))).rejects.toEqual(
      expect.objectContaining({ code: 'corrupt-file' }),
    );
  });
});
