// Computed bytes are read like any others: from any place, by several readers, after a trip to
// another thread; the same stretch always has the same bytes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BytesReader, derive, keyOf, rangesOf, storedLength, streamOf } from './bytes.ts';
import { narrowed, widened } from './half.ts';
import type { Bytes, DerivedRange } from './source.ts';
import { memoryFolder } from './testing/text.ts';
import type { Transform } from './transforms.ts';

const COUNT = 300;
const floats = Float32Array.from({ length: COUNT }, (_, k) => Math.sin(k) * 2 ** ((k % 21) - 10));
const wide = new Uint8Array(floats.buffer);
const half = narrowed(wide, (value) => {
  throw new Error(String(value));
});
const padded = new Uint8Array(wide.length + 7);
padded.set(wide, 7);
const folder = () => memoryFolder({ weights: padded });
const range = { file: 'weights', offset: 7, length: wide.length };

const computed = derive('float32-to-float16', [range], 'w') as DerivedRange;

describe('computed bytes', () => {
  it('have a length before anything is read', () => {
    const source = folder();
    expect(computed.length).toBe(half.length);
    expect(storedLength(computed)).toBe(wide.length);
    expect(rangesOf(computed)).toEqual([range]);
    new BytesReader(source).open(computed);
    expect(source.read.bytes).toBe(0);
  });

  it('are the same from any place, into any memory', async () => {
    const stretch = fc
      .tuple(fc.nat(half.length), fc.nat(half.length))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    await fc.assert(
      fc.asyncProperty(stretch, stretch, async ([from, to], [start, end]) => {
        const reader = new BytesReader(folder());
        const part: Bytes = { ...computed, offset: start, length: end - start };
        expect(await reader.open(computed).read(from, to - from)).toEqual(half.slice(from, to));
        const inside = Math.min(from, end - start);
        const target = new Uint8Array(Math.min(to, end - start) - inside);
        await reader.open(part).readInto(inside, target);
        expect(target).toEqual(half.slice(start + inside, start + inside + target.length));
      }),
    );
  });

  it('can be computed from computed ones, and from bytes in memory', async () => {
    const back = derive('float16-to-float32', [computed], 'w');
    const again = derive('float32-to-float16', [back], 'w');
    const reader = new BytesReader(folder());
    expect(await reader.open(back).read(0, back.length)).toEqual(widened(half));
    expect(await reader.open(again).read(31, 100)).toEqual(half.slice(31, 131));
    const held = derive('float32-to-float16', [wide], 'w');
    expect(await new BytesReader(memoryFolder({})).open(held).read(0, held.length)).toEqual(half);
  });

  it('survive a trip to another thread', async () => {
    const sent = structuredClone(computed);
    expect(keyOf(sent)).toBe(keyOf(computed));
    expect(await new BytesReader(folder()).open(sent).read(0, sent.length)).toEqual(half);
  });

  it('are equal where source, transform and parameters are, whatever they are called', () => {
    const key = keyOf(computed);
    expect(keyOf(derive('float32-to-float16', [{ ...range }], 'other'))).toBe(key);
    expect(keyOf(derive('float32-to-float16', [range], 'w', { mask: true }))).not.toBe(key);
    expect(keyOf({ ...computed, offset: 2, length: 8 })).not.toBe(key);
    expect(keyOf(wide)).toBe(keyOf(wide));
    expect(keyOf(wide)).not.toBe(keyOf(wide.slice()));
  });

  it('can have several sources, and are computed once for all stretches', async () => {
    // W + A B, rank 1, as bytes: rows of the sum, then the sum of each row.
    const [rows, columns] = [4, 8];
    const opened: string[] = [];
    const merge: Transform = {
      length: ([w = 0]) => w + rows,
      open([w, a, b], { scale }, label) {
        opened.push(label);
        const row = async (r: number): Promise<Uint8Array> => {
          const [base, left, right] = await Promise.all([
            w!.read(r * columns, columns),
            a!.read(r, 1),
            b!.read(0, columns),
          ]);
          return base.map((x, c) => x + Number(scale) * left[0]! * right[c]!);
        };
        const byte = async (k: number): Promise<number> => {
          if (k < rows * columns) return (await row(Math.floor(k / columns)))[k % columns]!;
          return (await row(k - rows * columns)).reduce((sum, x) => sum + x, 0) % 256;
        };
        return {
          size: rows * columns + rows,
          read: async (offset, length) =>
            Uint8Array.from(await Promise.all(Array.from({ length }, (_, k) => byte(offset + k)))),
        };
      },
    };
    const weights = memoryFolder({ w: Uint8Array.from({ length: 32 }, (_, k) => k) });
    const from = {
      transform: 'merge',
      parameters: { scale: 2 },
      sources: [
        { file: 'w', offset: 0, length: 32 },
        Uint8Array.of(0, 1, 2, 3),
        new Uint8Array(8).fill(1),
      ],
      label: 'merged',
    };
    const reader = new BytesReader(weights, () => merge);
    const matrix = { from, offset: 0, length: 32 };
    const sums = { from: { ...from, label: 'its sums' }, offset: 32, length: 4 };
    const expected = Array.from({ length: 32 }, (_, k) => k + 2 * Math.floor(k / 8));
    expect([...(await reader.open(matrix).read(0, 32))]).toEqual(expected);
    expect([...(await reader.open(matrix).read(13, 2))]).toEqual(expected.slice(13, 15));
    expect([...(await reader.open(sums).read(1, 2))]).toEqual([108, 188]);
    expect(opened).toEqual(['merged']);
    expect(rangesOf(matrix)).toEqual([{ file: 'w', offset: 0, length: 32 }]);
    expect(storedLength(matrix)).toBe(32 + 4 + 8);
    expect(
      keyOf(structuredClone({ ...matrix, from: { ...from, sources: from.sources.slice(0, 1) } })),
    ).toBe(keyOf({ ...matrix, from: { ...from, sources: from.sources.slice(0, 1) } }));
  });

  it('can be made while the source streams by', () => {
    const stream = streamOf(computed);
    expect(stream?.source).toEqual(range);
    expect(stream?.convert(40, wide.slice(40, 80))).toEqual([20, half.slice(20, 40)]);
    expect(streamOf({ ...computed, length: 8 })).toBeNull();
    expect(streamOf(derive('float16-to-float32', [computed], 'w'))).toBeNull();
  });

  it('name what is missing, and what float16 cannot hold', async () => {
    const lost = new BytesReader(memoryFolder({}));
    expect(() => lost.open(computed)).toThrow('The file weights is not in the folder');
    const large = new Uint8Array(Float32Array.of(1, -70000).buffer);
    const refused = new BytesReader(folder()).open(
      derive('float32-to-float16', [large], 'model.layers.3.mlp.weight'),
    );
    await expect(refused.read(0, 4)).rejects.toThrow(
      'The tensor model.layers.3.mlp.weight holds -70000, which float16 cannot',
    );
    expect(await refused.read(0, 2)).toEqual(new Uint8Array([0, 0x3c]));
    const none = derive('float32-to-float16', [new Uint8Array(Float32Array.of(NaN).buffer)], 'w');
    await expect(new BytesReader(folder()).open(none).read(0, 2)).rejects.toThrow(
      'The tensor w holds NaN: only finite weights are written in float16.',
    );
  });
});
