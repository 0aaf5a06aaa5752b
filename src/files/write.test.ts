// Writing exports: parts, folders, zips; what a failure or a cancel leaves behind; memory held.

import { describe, expect, it } from 'vitest';
import type { Folder } from '../onnx/source.ts';
import { fileFolder } from './folder.ts';
import { chunksOf, type OutputFile, safeOrder, type WriteJob } from './parts.ts';
import { readBack, saveFolder } from './save.ts';
import { MemoryDirectory, MemoryFile } from './testing/memoryDisk.ts';
import { openZip, saveZip, zipBlob, zipBytes, zipStream } from './zip.ts';

const bytes = (n: number, from = 0): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: n }, (_, i) => (i + from) % 251);
const MIB = 1024 * 1024;
const source = fileFolder('model', [{ path: 'onnx/w', file: new File([bytes(9 * MIB)], 'w') }]);
const files: OutputFile[] = [
  { path: 'espalier.json', size: 2, parts: [new TextEncoder().encode('{}')] },
  { path: 'onnx/model.onnx', size: 300, parts: [bytes(100), { file: 'onnx/w', offset: 7, length: 150 }, bytes(50)] },
  { path: 'onnx/model.onnx_data', size: 9 * MIB - 5, parts: [{ file: 'onnx/w', offset: 5, length: 9 * MIB - 5 }] },
  { path: 'empty.txt', size: 0, parts: [] },
];
const graph = new Uint8Array([...bytes(100), ...bytes(150, 7), ...bytes(50)]);
const job = (extra: Partial<WriteJob> = {}): WriteJob => ({ files, source, ...extra });

async function expectExport(folder: Folder): Promise<void> {
  expect(folder.files.map((f) => `${f.path} ${f.size}`).sort()).toEqual(files.map((f) => `${f.path} ${f.size}`).sort());
  expect(await folder.open('onnx/model.onnx')!.read(0, 300)).toEqual(graph);
  expect(await folder.open('onnx/model.onnx_data')!.read(8 * MIB, 1000)).toEqual(bytes(1000, 8 * MIB + 5));
}

describe('parts', () => {
  it('come in chunks of at most 4 MiB', async () => {
    const sizes: number[] = [];
    for await (const chunk of chunksOf(files[2]!, source)) sizes.push(chunk.length);
    expect(sizes).toEqual([4 * MIB, 4 * MIB, MIB - 5]);
  });

  it('must add up and must be there', async () => {
    const drain = async (file: OutputFile): Promise<void> => {
      for await (const _ of chunksOf(file, source));
    };
    await expect(drain({ path: 'a', size: 3, parts: [bytes(2)] })).rejects.toEqual(expect.objectContaining({ code: 'bug' }));
    await expect(drain({ path: 'a', size: 3, parts: [{ file: 'x', offset: 0, length: 3 }] })).rejects.toEqual(
      expect.objectContaining({ code: 'missing-file' }),
    );
  });

  it('are written weights first, espalier.json last', () => {
    expect(safeOrder(files).map((f) => f.path)).toEqual(['onnx/model.onnx_data', 'empty.txt', 'onnx/model.onnx', 'espalier.json']);
  });
});

describe('folder export', () => {
  it('writes every byte, tells progress, and reads back', async () => {
    const disk = new MemoryDirectory();
    const seen: [number, number][] = [];
    const saved = await saveFolder(disk, 'pruned', job({ onProgress: (done, total) => seen.push([done, total]) }));
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

  it('leaves nothing when it is cancelled or the disk is full', async () => {
    const disk = new MemoryDirectory();
    const signal = { aborted: false };
    const onProgress = (done: number): void => {
      signal.aborted = done > 4 * MIB;
    };
    await expect(saveFolder(disk, 'pruned', job({ signal, onProgress }))).rejects.toEqual(expect.objectContaining({ code: 'cancelled' }));
    expect(disk.folders.size).toBe(0);
    disk.room = 5 * MIB;
    await expect(saveFolder(disk, 'pruned', job())).rejects.toThrow('no room left on the disk for onnx/model.onnx_data');
    expect(disk.folders.size).toBe(0);
  });

  it('refuses paths that leave the folder or come twice, before it writes', async () => {
    const disk = new MemoryDirectory();
    for (const path of ['../x', '/x', 'a//b', 'a/../../b', 'a\\b', ''])
      await expect(saveFolder(disk, 'p', job({ files: [{ path, size: 0, parts: [] }] }))).rejects.toEqual(
        expect.objectContaining({ code: 'bad-input' }),
      );
    await expect(saveFolder(disk, 'p', job({ files: [files[0]!, files[0]!] }))).rejects.toThrow('twice');
    expect(disk.folders.size).toBe(0);
  });
});

describe('zip export', () => {
  it('gives the predicted size and opens as the same folder', async () => {
    const blob = await zipBlob('pruned', job());
    expect(blob.size).toBe(zipBytes('pruned', files));
    const folder = await openZip(blob);
    expect(folder.name).toBe('pruned');
    await expectExport(folder);
    expect(folder.bytesRead()).toBe(1300);
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
    await expect(saveZip(cancelled, 'pruned', job({ signal, onProgress }))).rejects.toEqual(expect.objectContaining({ code: 'cancelled' }));
    expect([cancelled.aborted, cancelled.removed, cancelled.content.length]).toEqual([1, true, 0]);
  });

  it('carries an error of the source', async () => {
    const away: OutputFile[] = [{ path: 'a', size: 3, parts: [{ file: 'gone', offset: 0, length: 3 }] }];
    await expect(zipBlob('p', job({ files: away }))).rejects.toEqual(expect.objectContaining({ code: 'missing-file' }));
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
    const stream = zipStream('z', { files: [{ path: 'w', size: 2e8, parts: [{ file: 'w', offset: 0, length: 2e8 }] }], source: zeros });
    let sent = 0;
    for await (const chunk of stream) {
      open -= chunk.length;
      sent += chunk.length;
    }
    expect(sent).toBeGreaterThan(2e8);
    expect(most).toBeLessThan(3 * 4 * MIB);
  });

  it('refuses what is no zip', async () => {
    await expect(openZip(new Blob([bytes(100)]))).rejects.toEqual(expect.objectContaining({ code: 'corrupt-file' }));
  });
});
