// Mixed precision against brute force, and what more bytes or less loss must never change.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choosePrecisions, type PrecisionItem, upgradesOf } from './mixedPrecision.ts';

type Items = readonly PrecisionItem<number>[];

const LOSSES = { min: 0, max: 4, noNaN: true };

const items = fc
  .array(
    fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 40 }), loss: fc.double(LOSSES) }), {
      minLength: 1,
      maxLength: 4,
    }),
    { maxLength: 5 },
  )
  .map((all) =>
    all.map((options, k) => ({
      name: `m${k}`,
      options: options.map((option, form) => ({ ...option, form })),
    })),
  );

const bytesOf = (all: Items, forms: ReadonlyMap<string, number>): number =>
  all.reduce(
    (sum, { name, options }) => sum + options[forms.get(name)!]!.bytes - options[0]!.bytes,
    0,
  );
const lossOf = (all: Items, forms: ReadonlyMap<string, number>): number =>
  all.reduce((sum, { name, options }) => sum + options[forms.get(name)!]!.loss, 0);

/** The least loss within the bytes, by trying everything that takes no fewer than the first. */
function best(all: Items, bytes: number): number {
  const [item, ...rest] = all;
  if (!item) return 0;
  const [first] = item.options;
  const fits = item.options.filter(
    (option) =>
      option === first || (option.bytes > first!.bytes && option.bytes - first!.bytes <= bytes),
  );
  return Math.min(
    ...fits.map(({ loss, bytes: own }) => loss + best(rest, bytes - (own - first!.bytes))),
  );
}

test('within bytes the loss is the best one up to a single upgrade', () => {
  fc.assert(
    fc.property(items, fc.integer({ min: 0, max: 120 }), (all, bytes) => {
      const choice = choosePrecisions(all, { kind: 'bytes', bytes });
      expect(choice.bytes).toBeLessThanOrEqual(bytes);
      expect(bytesOf(all, choice.forms)).toBe(choice.bytes);
      expect(lossOf(all, choice.forms)).toBeCloseTo(choice.predicted, 9);
      const largest = Math.max(0, ...upgradesOf(all).map(({ saved }) => saved));
      expect(choice.predicted).toBeLessThanOrEqual(best(all, bytes) + largest + 1e-9);
    }),
  );
});

test('more bytes never lose more, and less loss never takes fewer bytes', () => {
  fc.assert(
    fc.property(items, fc.nat(120), fc.nat(40), fc.double(LOSSES), (all, bytes, more, nats) => {
      const [a, b] = [bytes, bytes + more].map((most) =>
        choosePrecisions(all, { kind: 'bytes', bytes: most }),
      );
      expect(b!.predicted).toBeLessThanOrEqual(a!.predicted + 1e-12);
      const [c, d] = [nats, nats / 2].map((most) =>
        choosePrecisions(all, { kind: 'loss', nats: most }),
      );
      expect(d!.bytes).toBeGreaterThanOrEqual(c!.bytes);
      if (c!.predicted > nats) expect(c!.upgrades).toEqual(upgradesOf(all));
    }),
  );
});

test('4 to 8 bits to float, the most sensitive first', () => {
  const of = (name: string, bytes: number, loss: number): PrecisionItem<number | 'float'> => ({
    name,
    options: [
      { form: 4, bytes, loss },
      { form: 8, bytes: 2 * bytes, loss: loss / 289 },
      { form: 'float', bytes: 8 * bytes, loss: 0 },
    ],
  });
  const all = [of('a', 100, 0.01), of('b', 100, 0.03), of('c', 300, 0.05), of('d', 10, 0)];
  const spent = choosePrecisions(all, { kind: 'bytes', bytes: 220 });
  expect([...spent.forms]).toEqual([
    ['a', 8],
    ['b', 8],
    ['c', 4],
    ['d', 4],
  ]);
  const all4 = choosePrecisions(all, { kind: 'loss', nats: 0.09 });
  expect(all4).toMatchObject({ upgrades: [], bytes: 0 });
  const none = choosePrecisions(all, { kind: 'loss', nats: 0 });
  expect([...none.forms.values()]).toEqual(['float', 'float', 'float', 4]);
  expect(none.predicted).toBe(0);
});
