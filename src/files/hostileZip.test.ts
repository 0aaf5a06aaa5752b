// Hostile zips: whatever a zip holds, opening it ends in a folder whose files can be read or in a
// coded error, and no path leaves it.

import { makeZip } from 'client-zip';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { damaged, judge, type Step, steps } from '../onnx/testing/hostile.ts';
import { MAX_INFLATION, MAX_ZIP_ENTRIES, openZip } from './zip.ts';

const SEED = 20_261_122;

async function zipOf(files: Readonly<Record<string, string>>): Promise<Uint8Array<ArrayBuffer>> {
  const made = makeZip(
    Object.entries(files).map(([name, text]) => ({
      name,
      size: text.length,
      input: new TextEncoder().encode(text),
      lastModified: new Date(0),
    })),
    { buffersAreUTF8: true },
  );
  return new Uint8Array(await new Response(made).arrayBuffer());
}

async function readAll(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const folder = await openZip(new Blob([bytes]));
  for (const { path, size } of folder.files) {
    expect(path.split('/').some((step) => step === '' || step === '.' || step === '..')).toBe(
      false,
    );
    expect(size).toBeLessThanOrEqual(MAX_INFLATION * bytes.length);
    expect((await folder.open(path)?.read(0, size))?.length).toBe(size);
  }
}

/** Changes one field of a central directory header, a local header or the end record. */
type Field = readonly [record: number, at: number, value: number];

const VALUES = [0, 1, 8, 0x7f, 0xff, 0xffff, 0xfffe, 0x7fffffff, 0xffffffff, 22, 46];

function withFields(
  bytes: Uint8Array<ArrayBuffer>,
  fields: readonly Field[],
): Uint8Array<ArrayBuffer> {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  const records: number[] = [];
  for (let at = 0; at + 46 < out.length; at++)
    if (view.getUint16(at, true) === 0x4b50) records.push(at);
  for (const [record, at, value] of fields) {
    const start = records[record % records.length]! + 4 + (at % 42);
    if (start + 4 > out.length) continue;
    const to = VALUES[value % VALUES.length]!;
    if (at % 3 === 0) view.setUint32(start, to, true);
    else view.setUint16(start, to & 0xffff, true);
  }
  return out;
}

describe(`hostile zips (seed ${SEED})`, () => {
  const zips: Uint8Array<ArrayBuffer>[] = [];

  beforeAll(async () => {
    zips.push(
      await zipOf({
        'model/onnx/model.onnx': 'x'.repeat(300),
        'model/config.json': '{}',
        'model/a b.txt': '',
      }),
    );
    zips.push(await zipOf({ 'a.onnx': 'y'.repeat(50) }));
  });

  it('take damaged bytes and directory fields', async () => {
    const recipe: fc.Arbitrary<Step[]> = fc.oneof(fc.constant<Step[]>([]), steps(3));
    const fields: fc.Arbitrary<Field[]> = fc.array(fc.tuple(fc.nat(50), fc.nat(200), fc.nat(50)), {
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(fc.nat(1), fields, recipe, async (which, changed, bytes) => {
        await judge(() => readAll(damaged(withFields(zips[which]!, changed), bytes)));
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  it('are refused when a path leaves the folder or comes twice', async () => {
    for (const path of [
      '../x',
      'a/../../x',
      '/etc/passwd',
      'a//b',
      'a/./b',
      'C:\\x',
      'C:/x',
      'a\u0000b',
    ])
      await expect(
        zipOf({ 'model/a.onnx': 'x', [path]: 'x' }).then(readAll),
        path,
      ).rejects.toMatchObject({
        code: 'corrupt-file',
        message: expect.stringContaining('leaves the zip'),
      });
    const twice = await zipOf({ 'a.onnx': 'x', 'b.onnx': 'y' });
    const text = new TextDecoder('latin1').decode(twice).replaceAll('b.onnx', 'a.onnx');
    for (let at = 0; at + 6 < twice.length; at++) {
      if (text.startsWith('a.onnx', at)) twice[at] = 'a'.charCodeAt(0);
    }
    await expect(readAll(twice)).rejects.toThrow('a.onnx is in the zip twice.');
  });

  it('are refused with too many entries', async () => {
    const many = Object.fromEntries(
      Array.from({ length: MAX_ZIP_ENTRIES + 1 }, (_, k) => [`f${k}`, '']),
    );
    await expect(zipOf(many).then(readAll)).rejects.toMatchObject({
      code: 'too-large',
      message: expect.stringContaining('10001 entries'),
    });
  });

  it('are read with the separators of Windows, which lead no further', async () => {
    const folder = await openZip(
      new Blob([await zipOf({ 'm\\onnx\\model.onnx': 'x', 'm\\config.json': '{}' })]),
    );
    expect(folder.files.map(({ path }) => path).sort()).toEqual(['config.json', 'onnx/model.onnx']);
    for (const path of ['m\\..\\..\\x', '\\x', '\\\\host\\x'])
      await expect(openZip(new Blob([await zipOf({ [path]: '' })]))).rejects.toThrow(
        /leaves the zip/,
      );
    await expect(openZip(new Blob([await zipOf({ 'a/b': '', 'a\\b': '' })]))).rejects.toThrow(
      /in the zip twice/,
    );
  });

  it('are none when paths begin with the folder itself', async () => {
    const folder = await openZip(
      new Blob([await zipOf({ './model/config.json': '{}', './model/onnx/model.onnx': 'x' })]),
    );
    expect(folder.files.map(({ path }) => path).sort()).toEqual(['config.json', 'onnx/model.onnx']);
    await expect(openZip(new Blob([await zipOf({ './../config.json': '{}' })]))).rejects.toThrow(
      /leaves the zip/,
    );
    await expect(openZip(new Blob([await zipOf({ './a': '', a: '' })]))).rejects.toThrow(
      /in the zip twice/,
    );
  });
});
