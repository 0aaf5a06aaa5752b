// Pruned GGUF files: metadata and bytes of tensors as llama.cpp's own pruning gives them, kinds of
// blocks kept, parts of split models, and refusals.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { guardedFolder } from '../../../onnx/testing/hostile.ts';
import { readGguf } from '../../../tensors/gguf/read.ts';
import {
  fixtureBytes,
  ggufFile,
  ggufFixtures,
  type Pair,
  tinyGguf,
} from '../../../tensors/testing/gguf.ts';
import { prunedFiles } from './testing/pruned.ts';

type Files = Record<string, Uint8Array<ArrayBuffer>>;

const values = async (files: Files, path: string): Promise<Record<string, unknown>> => {
  const { metadata } = await readGguf(guardedFolder(files), path);
  return Object.fromEntries([...metadata].map(([key, { value }]) => [key, value]));
};

describe('pruned GGUF files', () => {
  it.each(ggufFixtures())('%s: as llama.cpp prunes it', async (name) => {
    const { golden, file, bytes } = fixtureBytes(name);
    const { removed, metadata, tensors } = golden.prunedFile;
    const blocks = Array.from({ length: golden.numBlocks }, (_, i) => i);
    const { files } = await prunedFiles(
      { [file]: bytes },
      file,
      blocks.filter((i) => !removed.includes(i)),
    );
    const opened = await readGguf(guardedFolder(files), file);
    const hashes = [...opened.tensors.values()].map(({ name, type, shape, data }) => {
      const part = files[file]!.subarray(data.offset, data.offset + data.length);
      return [name, { type, shape, sha256: createHash('sha256').update(part).digest('hex') }];
    });
    expect(Object.fromEntries(hashes)).toEqual(tensors);

    const pattern = 'gemma3.attention.sliding_window_pattern';
    const { [pattern]: kinds, ...now } = await values(files, file);
    const before = await values({ [file]: bytes as Uint8Array<ArrayBuffer> }, file);
    expect(now).toEqual({ ...before, ...metadata });
    expect(kinds).toEqual(name.includes('gemma3') ? [true, true, true, false] : undefined);
  });

  it('are the file itself when all blocks stay', async () => {
    const { file, bytes } = fixtureBytes('gguf-llama-q8_0');
    const { files } = await prunedFiles({ [file]: bytes }, file, [0, 1, 2, 3, 4]);
    expect(Buffer.compare(files[file]!, bytes)).toBe(0);
  });

  it('hold changed tensors in their new type', async () => {
    const { file, bytes } = fixtureBytes('gguf-llama-q8_0');
    const values = new Uint8Array(new Float32Array(64 * 32).fill(0.25).buffer);
    const changed = new Map([['blk.4.attn_k.weight', { type: 'F32', data: values }]]);
    const { files } = await prunedFiles({ [file]: bytes }, file, [0, 4], changed);
    const { tensors } = await readGguf(guardedFolder(files), file);
    const { type, data } = tensors.get('blk.1.attn_k.weight')!;
    expect(type).toBe('F32');
    expect(files[file]!.slice(data.offset, data.offset + data.length)).toEqual(values);
    expect(tensors.get('blk.0.attn_k.weight')!.type).toBe('Q8_0');
  });

  it('shorten every list with an entry for each block, and say which blocks slide', async () => {
    const extra: Pair[] = [
      ['gemma2.attention.head_count_kv', [4, [2, 2, 2, 2, 2]], null],
      ['gemma2.attention.sliding_window', 4, 8],
    ];
    const bytes = tinyGguf('gemma2', 5, extra);
    const { files, remarks } = await prunedFiles({ 'm.gguf': bytes }, 'm.gguf', [0, 2, 3]);
    expect(await values(files, 'm.gguf')).toMatchObject({
      'gemma2.block_count': 3,
      'gemma2.attention.head_count_kv': [2, 2, 2],
      'gemma2.attention.sliding_window_pattern': [true, true, false],
    });
    expect(remarks.join()).toContain('sliding_window_pattern');
    // A file with a list is pruned by it.
    const again = await prunedFiles(files, 'm.gguf', [1, 2]);
    expect(await values(again.files, 'm.gguf')).toMatchObject({
      'gemma2.attention.sliding_window_pattern': [true, false],
    });
  });

  it('are refused where llama.cpp would rotate other blocks', async () => {
    const bytes = tinyGguf('smollm3', 8);
    await expect(
      prunedFiles({ 'm.gguf': bytes }, 'm.gguf', [0, 1, 2, 4, 5, 6, 7]),
    ).rejects.toMatchObject({
      code: 'unsupported-graph',
      message: expect.stringContaining('every fourth block without rotary positions'),
    });
    const { files } = await prunedFiles({ 'm.gguf': bytes }, 'm.gguf', [0, 1, 2, 3]);
    expect(await values(files, 'm.gguf')).toMatchObject({ 'smollm3.block_count': 4 });
  });

  it('keep the parts of a split model, but for those that lose all tensors', async () => {
    const whole = tinyGguf('llama', 3);
    const path = (no: number, count: number): string => `m-0000${no}-of-0000${count}.gguf`;
    const part = (no: number, pairs: readonly Pair[], names: readonly string[]): Uint8Array =>
      ggufFile({
        pairs: [
          ...pairs,
          ['split.no', 2, no],
          ['split.count', 2, 3],
          ['split.tensors.count', 5, 5],
        ],
        tensors: names.map((name) => ({ name, type: 0, dims: [8, 8] })),
      });
    const metadata = (await readGguf(guardedFolder({ whole }), 'whole')).metadata;
    const pairs: Pair[] = [...metadata].map(([key, { type, value }]) => [
      key,
      { uint32: 4, float32: 6, string: 8 }[type as string] ?? 0,
      value,
    ]);
    const files = {
      [path(1, 3)]: part(0, pairs, ['token_embd.weight', 'blk.0.attn_q.weight']),
      [path(2, 3)]: part(1, [], ['blk.1.attn_q.weight', 'blk.1.ffn_up.weight']),
      [path(3, 3)]: part(2, [], ['blk.2.attn_q.weight']),
    };
    const two = await prunedFiles(files, path(2, 3), [0, 2]);
    expect(Object.keys(two.files)).toEqual([path(1, 2), path(2, 2)]);
    expect(two.main).toBe(path(1, 2));
    const opened = await readGguf(guardedFolder(two.files), path(1, 2));
    const names = ['token_embd.weight', 'blk.0.attn_q.weight', 'blk.1.attn_q.weight'];
    expect([...opened.tensors.keys()]).toEqual(names);
    expect(await values(two.files, path(1, 2))).toMatchObject({ 'llama.block_count': 2 });

    const one = await prunedFiles(files, path(1, 3), [0]);
    expect(Object.keys(one.files)).toEqual(['m.gguf']);
    expect(Object.keys(await values(one.files, 'm.gguf')).join()).not.toContain('split');
  });
});
