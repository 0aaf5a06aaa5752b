// The command line's writer: every byte in its place however chunks and parts meet, and nothing
// left when source or disk fail.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EspalierError } from '../errors.ts';
import type { ManifestFile } from '../model/export/graphFiles.ts';
import type { ByteSource, Folder } from '../onnx/source.ts';
import { writeFolder } from './writeFolder.ts';

const MIB = 2 ** 20;
const weights = Uint8Array.from({ length: 13 * MIB }, (_, k) => (k * 31 + (k >> 11)) % 251);
const noise = Uint8Array.from({ length: 70 }, (_, k) => k);
const files: ManifestFile[] = [
  {
    path: 'onnx/model.onnx_data',
    size: 21 * MIB + 70,
    parts: [
      { file: 'w', offset: 5, length: 3 * MIB + 1 },
      noise,
      { file: 'w', offset: MIB, length: 11 * MIB - 1 },
      weights.slice(0, 7 * MIB),
    ],
  },
  { path: 'empty', size: 0, parts: [] },
  { path: 'config.json', size: 2, parts: [new TextEncoder().encode('{}')] },
];

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'espalier-write-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function folderOf(source: ByteSource): Folder {
  return { name: 'model', files: [], open: (path) => (path === 'w' ? source : null) };
}

const read: ByteSource['read'] = async (offset, length) => weights.slice(offset, offset + length);

test.each([
  ['into arrays of its own', { size: weights.length, read }],
  [
    'into memory of the writer',
    {
      size: weights.length,
      read,
      readInto: async (offset: number, target: Uint8Array) =>
        target.set(weights.subarray(offset, offset + target.length)),
    },
  ],
])('writes every byte of a source that reads %s, and tells all of them', async (name, source) => {
  const out = join(scratch, name);
  const told: [number, number][] = [];
  await writeFolder(out, files, folderOf(source), (done, total) => told.push([done, total]));
  const written = readFileSync(join(out, 'onnx/model.onnx_data'));
  const wanted = Buffer.concat([
    weights.subarray(5, 3 * MIB + 6),
    noise,
    weights.subarray(MIB, 12 * MIB - 1),
    weights.subarray(0, 7 * MIB),
  ]);
  expect(written.equals(wanted)).toBe(true);
  expect(readdirSync(out).sort()).toEqual(['config.json', 'empty', 'onnx']);
  expect(told.at(-1)).toEqual([21 * MIB + 72, 21 * MIB + 72]);
});

test.each([
  [
    'a full disk',
    Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    }),
    'disk-full',
  ],
  [
    'a quota',
    Object.assign(new Error('EDQUOT: disk quota exceeded, write'), {
      code: 'EDQUOT',
      syscall: 'write',
    }),
    'disk-full',
  ],
  [
    'a source that goes away',
    new EspalierError('missing-file', 'The file w cannot be read any more.'),
    'missing-file',
  ],
])('leaves nothing after %s, and the next try is whole', async (_, error, code) => {
  const out = join(scratch, 'again');
  let reads = 0;
  const failing = {
    size: weights.length,
    read: (at: number, length: number) => (++reads > 3 ? Promise.reject(error) : read(at, length)),
  };
  await expect(writeFolder(out, files, folderOf(failing), () => {})).rejects.toMatchObject({
    code,
  });
  expect(readdirSync(scratch).filter((name) => name.includes('again'))).toEqual([]);
  await writeFolder(out, files, folderOf({ size: weights.length, read }), () => {});
  expect(readdirSync(out)).toHaveLength(3);
  rmSync(out, { recursive: true });
});
