// Disks that fail while an export is written: each ends in a coded error, leaves nothing that looks
// whole, and the next try works.

import { appendFileSync, mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EspalierError, toReport } from '../errors.ts';
import type { ManifestFile } from '../model/export/graphFiles.ts';
import type { Folder } from '../onnx/source.ts';
import type { WriteJob } from './chunks.ts';
import { fileFolder } from './folder.ts';
import { readBack, saveFolder, saveZip, UNFINISHED, zipBlob } from './save.ts';
import { deflatedZip } from './testing/deflatedZip.ts';
import { type Fault, MemoryDirectory, MemoryFile } from './testing/memoryDisk.ts';
import { openZip } from './zip.ts';

const MIB = 2 ** 20;
const source = fileFolder('model', [
  { path: 'w', file: new File([new Uint8Array(40 * MIB)], 'w') },
]);
const files: ManifestFile[] = [
  { path: 'espalier.json', size: 2, parts: [new TextEncoder().encode('{}')] },
  { path: 'config.json', size: 2, parts: [new TextEncoder().encode('{}')] },
  { path: 'onnx/model.onnx', size: 3, parts: [new Uint8Array(3)] },
  {
    path: 'onnx/model.onnx_data',
    size: 40 * MIB,
    parts: [{ file: 'w', offset: 0, length: 40 * MIB }],
  },
];
const job = (extra: Partial<WriteJob> = {}): WriteJob => ({ files, source, ...extra });

/** Fails with `name` at a step of the weights file. */
const atWeights =
  (name: string, at: 'create' | 'write' | 'close', from = 0): Fault =>
  (step, file, bytes) =>
    step === at && file === 'model.onnx_data' && bytes > from ? name : null;

const FAULTS: [what: string, fault: Fault, code: string, words: RegExp][] = [
  [
    'a full disk',
    atWeights('QuotaExceededError', 'write', 20 * MIB),
    'disk-full',
    /no room left on the disk for onnx\/model.onnx_data/,
  ],
  [
    'a disk that is full at the end of a file',
    atWeights('QuotaExceededError', 'close'),
    'disk-full',
    /no room left/,
  ],
  [
    'permission withdrawn',
    atWeights('NotAllowedError', 'write', 20 * MIB),
    'bad-input',
    /may not write onnx\/model.onnx_data/,
  ],
  [
    'permission withdrawn before a file',
    atWeights('NotAllowedError', 'create', -1),
    'bad-input',
    /may not write/,
  ],
  [
    'a folder that was removed',
    atWeights('NotFoundError', 'close'),
    'missing-file',
    /does not exist any more/,
  ],
  [
    'a write that the browser breaks off',
    atWeights('AbortError', 'close'),
    'disk-full',
    /stopped writing onnx\/model.onnx_data/,
  ],
  [
    'a copy that the browser stops although the source can be read',
    atWeights('NotReadableError', 'write', 20 * MIB),
    'disk-full',
    /stopped writing onnx\/model.onnx_data/,
  ],
  [
    'a file that is locked',
    atWeights('NoModificationAllowedError', 'create', -1),
    'bad-input',
    /being written by another program/,
  ],
  [
    'a fault that nobody knows',
    atWeights('InvalidStateError', 'write'),
    'missing-file',
    /could not be written/,
  ],
];

async function failureOf(work: Promise<unknown>): Promise<EspalierError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EspalierError)) throw new Error(`not a coded error: ${String(error)}`);
  return error;
}

describe.each(FAULTS)('%s', (_, fault, code, words) => {
  it('takes the folder away, says what to do, and the next try is whole', async () => {
    const disk = new MemoryDirectory();
    disk.fault = fault;
    const error = await failureOf(saveFolder(disk, 'pruned', job()));
    expect(toReport(error)).toMatchObject({
      code,
      message: expect.stringMatching(words),
      hint: expect.stringMatching(/\w/),
    });
    expect(error.hint).not.toContain('delete');
    expect([disk.folders.size, disk.files.size]).toEqual([0, 0]);
    disk.fault = () => null;
    const again = await saveFolder(disk, 'pruned', job());
    expect(again.name).toBe('pruned');
    expect((await readBack(again.handle, files)).map(({ file }) => file.size)).toEqual(
      files.map(({ size }) => size),
    );
    expect([...disk.folders.get('pruned')!.files.keys()].sort()).toEqual([
      'config.json',
      'espalier.json',
    ]);
  });

  it('leaves a folder marked unfinished if it cannot be removed', async () => {
    const disk = new MemoryDirectory();
    disk.fault = (step, name, bytes) =>
      step === 'remove' ? 'NotAllowedError' : fault(step, name, bytes);
    const error = await failureOf(saveFolder(disk, 'pruned', job()));
    expect(error.code).toBe(code);
    expect(error.hint).toContain('The folder pruned is incomplete: delete it');
    const left = disk.folders.get('pruned')!;
    expect([...left.files.keys()]).toEqual([UNFINISHED]);
    expect(
      [...(left.folders.get('onnx')?.files.values() ?? [])].filter(
        (file) => file.content.length > 0,
      ),
    ).toEqual([]);
  });

  it('leaves a zip file that was there as it was', async () => {
    const zip = new MemoryFile('model.onnx_data');
    await saveZip(zip, 'old', job({ files: files.slice(0, 2) }));
    zip.fault = fault;
    const error = await failureOf(saveZip(zip, 'new', job()));
    expect(error.code).toBe(code);
    expect(zip.removed).toBe(false);
    expect((await openZip(await zip.getFile())).name).toBe('old');
    zip.fault = () => null;
    await saveZip(zip, 'new', job());
    expect((await openZip(await zip.getFile())).name).toBe('new');
  });
});

it('a cancel in the middle of a file leaves nothing', async () => {
  const disk = new MemoryDirectory();
  const signal = { aborted: false };
  const onProgress = (done: number): void => {
    signal.aborted = done > 10 * MIB;
  };
  expect((await failureOf(saveFolder(disk, 'pruned', job({ signal, onProgress })))).code).toBe(
    'cancelled',
  );
  expect(disk.folders.size).toBe(0);
});

describe('a source that goes away while it is copied', () => {
  // The browser reads Blobs by itself and says only that writing failed; the source knows better.
  const gone: Folder = {
    ...source,
    open: (path) => {
      const file = source.open(path);
      return (
        file && {
          size: file.size,
          read: () =>
            Promise.reject(
              new EspalierError(
                'missing-file',
                'The file w was changed after it was opened.',
                'Put it back.',
              ),
            ),
          blob: (offset, length) => file.blob?.(offset, length) ?? null,
        }
      );
    },
  };

  it.each(['NotReadableError', 'NotFoundError', 'InvalidStateError'])(
    'is named, not the target (%s)',
    async (name) => {
      const disk = new MemoryDirectory();
      disk.fault = atWeights(name, 'write');
      const error = await failureOf(saveFolder(disk, 'pruned', job({ source: gone })));
      expect(toReport(error)).toMatchObject({
        code: 'missing-file',
        message: 'The file w was changed after it was opened.',
      });
      expect(disk.folders.size).toBe(0);
    },
  );

  it('is named by a zip too', async () => {
    const files = [{ path: 'a', size: 3, parts: [{ file: 'not there', offset: 0, length: 3 }] }];
    expect((await failureOf(saveZip(new MemoryFile('a.zip'), 'p', job({ files })))).code).toBe(
      'missing-file',
    );
  });
});

describe('a file of the disk that is changed after it was opened', () => {
  /** A Blob over a file that is then appended to: reading it fails as in browsers. */
  async function withChanged(
    bytes: Uint8Array,
    work: (blob: Blob, change: () => void) => Promise<void>,
  ): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
    try {
      const path = join(folder, 'w');
      writeFileSync(path, bytes);
      await work(await openAsBlob(path), () => appendFileSync(path, 'x'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it('is named where the zip is built in memory', async () => {
    await withChanged(new Uint8Array(1000), async (file, change) => {
      const files = [{ path: 'a', size: 1000, parts: [{ file: 'w', offset: 0, length: 1000 }] }];
      const source = fileFolder('model', [{ path: 'w', file }]);
      change();
      const error = await failureOf(zipBlob('p', job({ files, source })));
      expect(toReport(error)).toMatchObject({
        code: 'missing-file',
        message: expect.stringContaining('The file w was changed'),
      });
    });
  });

  it('is told from a damaged one when it is a zip', async () => {
    await withChanged(
      deflatedZip(new Map([['model.onnx', new TextEncoder().encode('abc'.repeat(99))]])),
      async (zip, change) => {
        const folder = await openZip(zip);
        change();
        expect((await failureOf(folder.open('model.onnx')!.read(0, 3))).code).toBe('missing-file');
        expect((await failureOf(openZip(zip))).code).toBe('missing-file');
      },
    );
  });
});
