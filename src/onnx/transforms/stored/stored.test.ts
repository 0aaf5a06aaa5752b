// Stored types against gguf-py (tools/make_stored_types.py), and the same bytes from any place.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { golden } from '../../../testing/fixtures.ts';
import { derive } from '../../bytes.ts';
import { DataType } from '../../graph.ts';
import {
  all,
  bytesOf,
  counted,
  expectSameBytes,
  floats,
  sameFromAnyPlace,
} from '../../testing/derived.ts';
import { transposedSource } from '../transpose.ts';
import { reorderedSource } from './reorder.ts';
import { storedType, storedTypeNames } from './types.ts';

interface Golden {
  types: Record<
    string,
    { values: number; bytes: number; blocks: string; first: string; sha256: string }
  >;
  eightBits: { values: string; blocks: string };
  bfloat16: { values: string; stored: string };
}

const { types, eightBits, bfloat16 } = golden<Golden>('stored-types');
const decoded = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
const floatsOf = (bytes: Uint8Array): Float32Array =>
  new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / 4);

/** Plainly exchanged rows and columns. */
function exchanged(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(values, (_, k) => values[(k % rows) * columns + Math.floor(k / rows)]!);
}

it('has a golden for every type of blocks', () => {
  const plain = ['F32', 'F16', 'BF16'];
  expect(storedTypeNames().filter((name) => !plain.includes(name))).toEqual(
    expect.arrayContaining(Object.keys(types)),
  );
  expect(storedTypeNames()).toHaveLength(Object.keys(types).length + plain.length);
});

describe.each(Object.entries(types))('blocks of %s', (type, { values, bytes, ...block }) => {
  const blocks = decoded(block.blocks);

  it('are the floats of gguf-py, from any place', async () => {
    expect(storedType(type)).toMatchObject({ values, bytes });
    const made = derive('stored-to-float32', [blocks], 'w', { type });
    const found = await all(made);
    expect(found.slice(0, 16)).toEqual(decoded(block.first));
    expect(createHash('sha256').update(found).digest('hex')).toBe(block.sha256);
    await sameFromAnyPlace(made);
  });

  it('are turned as their floats are, in stripes and panels of any size', async () => {
    const [rows, columns] = [2, (blocks.length / bytes / 2) * values];
    const plain = floatsOf(await all(derive('stored-to-float32', [blocks], 'w', { type })));
    const expected = bytesOf(exchanged(plain, rows, columns));
    const parameters = { rows, columns, type };
    const made = derive('transposed', [blocks], 'w', parameters);
    expectSameBytes(await all(made), expected);
    await sameFromAnyPlace(made);
    const source = counted(blocks.slice());
    const small = { stripe: 1, panel: 1 };
    const turned = transposedSource([source], parameters, 'w', small);
    expectSameBytes(await turned.read(0, turned.size), expected);
    expect(source.bytes).toBe((blocks.length * columns) / values);
  });
});

describe('integers of MatMulNBits', () => {
  it.each(['Q4_0', 'Q8_0'])('are the values of %s exactly', async (type) => {
    const bits = type === 'Q4_0' ? 4 : 8;
    const blocks = decoded(types[type]!.blocks);
    const part = (part: string) => derive('stored-to-blockwise', [blocks], 'w', { type, part });
    const form = { rows: 2, columns: 64, block: 32, bits, scales: DataType.float, zeros: 0 };
    const sources = [part('integers'), part('scales')];
    const back = await all(derive('blockwise-to-floats', sources, 'w', form));
    expectSameBytes(back, await all(derive('stored-to-float32', [blocks], 'w', { type })));
    for (const source of sources) await sameFromAnyPlace(source);
  });
});

describe('floats in stored types', () => {
  it('of 8 bits are the blocks of gguf-py', async () => {
    const made = derive('float32-to-q8_0', [decoded(eightBits.values)], 'w');
    const found = await all(made);
    const wanted = decoded(eightBits.blocks);
    // Under a scale that is zero in float16 the integers say nothing.
    const same = (at: number): Uint8Array =>
      at === 3 ? new Uint8Array(2) : wanted.slice(at * 34, at * 34 + 34);
    for (let k = 0; k < 6; k++)
      expectSameBytes(found.slice(k * 34, k * 34 + same(k).length), same(k));
    await sameFromAnyPlace(made);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e7])
      await expect(
        all(derive('float32-to-q8_0', [bytesOf([value, ...Array(31).fill(1)])], 'w')),
      ).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('of bfloat16 are those of gguf-py, and none becomes infinite', async () => {
    const made = derive('float32-to-bfloat16', [decoded(bfloat16.values)], 'w');
    const found = await all(made);
    expectSameBytes(found, decoded(bfloat16.stored));
    await sameFromAnyPlace(made);
    const back = derive('bfloat16-to-float32', [found], 'w');
    expectSameBytes(await all(derive('float32-to-bfloat16', [back], 'w')), found);
    for (const value of [3.4e38, Number.NaN, Number.NEGATIVE_INFINITY])
      await expect(
        all(derive('float32-to-bfloat16', [bytesOf([value])], 'w')),
      ).rejects.toMatchObject({ code: 'bad-input' });
  });
});

describe.each(['F16', 'BF16'] as const)('a matrix of %s', (type) => {
  it('is turned as its float32', async () => {
    const [rows, columns] = [67, 45];
    const narrow = type === 'F16' ? 'float32-to-float16' : 'float32-to-bfloat16';
    const stored = await all(derive(narrow, [bytesOf(floats(rows * columns, 3))], 'w'));
    const widen = type === 'F16' ? 'float16-to-float32' : 'bfloat16-to-float32';
    const plain = floatsOf(await all(derive(widen, [stored], 'w')));
    const made = derive('transposed', [stored], 'w', { rows, columns, type });
    expectSameBytes(await all(made), bytesOf(exchanged(plain, rows, columns)));
    await sameFromAnyPlace(made);
  });
});

describe('rows in another order', () => {
  const [heads, d, columns] = [3, 4, 2];
  const index = (rows: number) => Float32Array.from({ length: rows * columns }, (_, k) => k);

  it('are even ones, then odd ones, head by head; and back', async () => {
    const rows = heads * d;
    const given = index(rows);
    const made = derive('rows-reordered', [bytesOf(given)], 'w', { rows, heads, order: 'halves' });
    const first = floatsOf(await all(made)).filter((_, k) => k % columns === 0);
    expect([...first].slice(0, 2 * d).map((x) => x / columns)).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    const back = { rows, heads, order: 'halves', back: true };
    expectSameBytes(await all(derive('rows-reordered', [made], 'w', back)), bytesOf(given));
    await sameFromAnyPlace(made);
  });

  it('are all first parts, then all second, then all third ones; and back', async () => {
    const rows = heads * 3 * d;
    const given = index(rows);
    const made = derive('rows-reordered', [bytesOf(given)], 'w', { rows, heads, order: 'parts' });
    const runs = [...floatsOf(await all(made))]
      .filter((_, k) => k % (columns * d) === 0)
      .map((x) => x / columns / d);
    expect(runs).toEqual([0, 3, 6, 1, 4, 7, 2, 5, 8]);
    const back = { rows, heads, order: 'parts', back: true };
    expectSameBytes(await all(derive('rows-reordered', [made], 'w', back)), bytesOf(given));
    await sameFromAnyPlace(made);
  });

  it('are read once in one pass', async () => {
    const rows = heads * d;
    for (const order of ['halves', 'parts']) {
      const source = counted(bytesOf(index(rows * 3)));
      const parameters = { rows: rows * 3, heads, order };
      const reordered = reorderedSource(
        [source],
        { ...parameters, heads: order === 'halves' ? 9 : 3 },
        'w',
      );
      for (let at = 0; at < reordered.size; at += 8) await reordered.read(at, 8);
      expect(source.bytes).toBe(reordered.size);
    }
  });
});
