// GGUF headers: what the fixtures hold, read without their data; split models; refusals by name.

import { describe, expect, it } from 'vitest';
import { guardedFolder } from '../../onnx/testing/hostile.ts';
import { fixtureBytes, ggufFile, ggufFixtures } from '../testing/gguf.ts';
import { partPath, readGguf } from './read.ts';

const read = (files: Record<string, Uint8Array>, path = 'model.gguf') =>
  readGguf(guardedFolder(files), path);

describe('GGUF headers', () => {
  it.each(ggufFixtures())('%s: metadata and tensors are those of gguf-py', async (name) => {
    const { golden, file, bytes } = fixtureBytes(name);
    const folder = guardedFolder({ [file]: bytes });
    const files = await readGguf(folder, file);
    const [only] = files.files;
    expect(folder.read.bytes, 'bytes read').toBeLessThanOrEqual(only!.dataStart);
    const metadata = [...files.metadata].map(([key, { type, value }]) => [
      key,
      type === 'array' && value.length > 16
        ? { length: value.length, first: value.slice(0, 4) }
        : value,
    ]);
    expect(Object.fromEntries(metadata)).toEqual(golden.metadata);
    expect([...files.metadata.keys()]).toEqual(Object.keys(golden.metadata));
    const types: Record<string, string[]> = {};
    for (const { name, type } of files.tensors.values()) {
      types[type] ??= [];
      types[type].push(name);
    }
    expect(types).toEqual(golden.tensorTypes);
  });

  it('reads every type of value, and the type of every tensor', async () => {
    const { metadata, tensors } = await read({
      'model.gguf': ggufFile({
        pairs: [
          ['a', 0, 200],
          ['b', 1, -2],
          ['c', 2, 60_000],
          ['d', 3, -300],
          ['e', 4, 4_000_000_000],
          ['f', 5, -70_000],
          ['g', 6, 0.5],
          ['h', 7, true],
          ['i', 8, 'wörd'],
          ['j', 10, 2n ** 63n],
          ['k', 11, -(2n ** 62n)],
          ['l', 12, 1e-300],
          ['m', [8, ['x', '', '\ufeff//']], null],
          ['n', [5, [1, -1]], null],
        ],
        tensors: [
          { name: 'q', type: 12, dims: [256, 2] },
          { name: 'f', type: 1, dims: [3] },
        ],
      }),
    });
    expect([...metadata.values()].map(({ value }) => value)).toEqual([
      200,
      -2,
      60_000,
      -300,
      4_000_000_000,
      -70_000,
      0.5,
      true,
      'wörd',
      2n ** 63n,
      -(2n ** 62n),
      1e-300,
      ['x', '', '\ufeff//'],
      [1, -1],
    ]);
    expect(tensors.get('q')).toMatchObject({
      type: 'Q4_K',
      shape: [2, 256],
      data: { length: 288 },
    });
    expect(tensors.get('f')).toMatchObject({ type: 'F16', shape: [3], data: { length: 6 } });
  });

  it('reads version 2 as version 3', async () => {
    const { files } = await read({
      'model.gguf': ggufFile({ version: 2, pairs: [['k', 8, 'v']] }),
    });
    expect(files[0]).toMatchObject({ version: 2, tensors: [] });
  });

  it('opens all parts of a split model by any of them', async () => {
    const part = (no: number, names: string[]): Uint8Array =>
      ggufFile({
        pairs: [
          ...(no === 0 ? [['general.architecture', 8, 'llama'] as const] : []),
          ['split.no', 2, no],
          ['split.count', 2, 3],
          ['split.tensors.count', 5, 3],
        ],
        tensors: names.map((name) => ({ name, type: 0, dims: [4] })),
      });
    const path = (no: number): string => partPath('m', no, 3);
    const files = {
      [path(0)]: part(0, []),
      [path(1)]: part(1, ['a', 'b']),
      [path(2)]: part(2, ['c']),
    };
    const opened = await read(files, path(1));
    expect(opened.files.map((file) => file.path)).toEqual([path(0), path(1), path(2)]);
    expect([...opened.tensors.keys()]).toEqual(['a', 'b', 'c']);
    expect(opened.metadata.get('general.architecture')?.value).toBe('llama');

    const { [path(2)]: _, ...two } = files;
    await expect(read(two, path(0))).rejects.toMatchObject({
      code: 'missing-file',
      message: expect.stringContaining(path(2)),
    });
    await expect(read({ 'x.gguf': part(1, []) }, 'x.gguf')).rejects.toMatchObject({
      code: 'missing-file',
    });
    await expect(read({ ...files, [path(2)]: part(1, ['c']) }, path(0))).rejects.toThrow(
      /is part 2/,
    );
    await expect(read({ ...files, [path(2)]: part(2, ['a']) }, path(0))).rejects.toThrow(
      /the tensor a of another part/,
    );
    await expect(read({ ...files, [path(2)]: part(2, []) }, path(0))).rejects.toThrow(
      /have 2 tensors together; the first says 3/,
    );
  });

  it.each([
    ['version 1', { version: 1 }, /version 1 of GGUF/],
    ['big-endian order', { version: 0x03000000 }, /big-endian/],
    ['a later version', { version: 9 }, /version 9 of GGUF/],
    ['no GGUF', { magic: 'GGJT' }, /no GGUF file/],
    ['a pointer', { magic: 'version https://git-lfs' }, /is a Git LFS pointer/],
    ['an unknown type', { tensors: [{ name: 't', type: 99, dims: [4] }] }, /GGML type 99/],
    ['half a block', { tensors: [{ name: 't', type: 2, dims: [48] }] }, /no whole blocks of 32/],
    [
      'five dimensions',
      { tensors: [{ name: 't', type: 0, dims: [1, 1, 1, 1, 1] }] },
      /5 dimensions/,
    ],
    [
      'a key twice',
      {
        pairs: [
          ['k', 0, 1],
          ['k', 0, 1],
        ],
      },
      /the key k twice/,
    ],
    ['arrays of arrays', { pairs: [['k', [9, []], null]] }, /array of arrays at k/],
    ['another type of value', { pairs: [['k', 77, 0]] }, /type 77, unknown, at k/],
    ['an odd alignment', { pairs: [['general.alignment', 4, 24]] }, /alignment 24/],
    ['more pairs than bytes', { pairCount: 2n ** 40n }, /number of key-value pairs/],
    ['more tensors than bytes', { tensorCount: 100_000n }, /cannot hold/],
    [
      'a tensor twice',
      {
        tensors: [
          { name: 't', type: 0, dims: [4] },
          { name: 't', type: 0, dims: [4] },
        ],
      },
      /t twice/,
    ],
    [
      'tensors over each other',
      {
        tensors: [
          { name: 't', type: 0, dims: [16] },
          { name: 'u', type: 0, dims: [4], offset: 32 },
        ],
      },
      /t and u at the same bytes/,
    ],
    [
      'a place between alignments',
      { tensors: [{ name: 't', type: 0, dims: [4], offset: 8 }] },
      /no multiple of 32/,
    ],
    [
      'a tensor outside the file',
      { tensors: [{ name: 't', type: 0, dims: [4], offset: 1 << 20 }] },
      /but ends at/,
    ],
  ] as const)('refuses %s in words', async (_, file, message) => {
    await expect(read({ 'model.gguf': ggufFile(file as never) })).rejects.toThrow(message);
  });

  it('reads with few steps, and aligned as the file says', async () => {
    const words = Array.from({ length: 3000 }, (_, i) => `word ${i}`);
    const bytes = ggufFile({
      pairs: [
        ['general.alignment', 4, 256],
        ['words', [8, words], null],
      ],
      tensors: Array.from({ length: 300 }, (_, i) => ({ name: `blk.${i}.w`, type: 0, dims: [1] })),
    });
    const folder = guardedFolder({ 'model.gguf': bytes });
    let reads = 0;
    const counted = {
      ...folder,
      open: (path: string) => {
        const source = folder.open(path)!;
        const read = (at: number, length: number) => {
          reads++;
          return source.read(at, length);
        };
        return { ...source, read };
      },
    };
    const { files, tensors } = await readGguf(counted, 'model.gguf');
    expect(files[0]!.dataStart % 256).toBe(0);
    expect(tensors.get('blk.299.w')!.data.offset % 256).toBe(0);
    expect(reads).toBeLessThan(40);
    expect(folder.read.bytes).toBeLessThanOrEqual(files[0]!.dataStart);
  });
});
