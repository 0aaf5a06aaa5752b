// The numbers of ranking and error bars, against the sample's goldens and published generator
// output.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden, type SampleGolden } from '../testing/fixtures.ts';
import { indistinguishable, pairedInterval } from './bootstrap.ts';
import { hasNumbers, mean, measureWindows, perplexity, pplWords, riseOf } from './perplexity.ts';
import { xoshiro128 } from './random.ts';
import { endLocks, lowest, noiseGroups, removalOrder } from './ranking.ts';
import { chartScale } from './scales.ts';

const sample = golden<SampleGolden>('sample');
const blocks = sample.loo_nll_per_sample.map((nllPerWindow, index) => ({
  index,
  ...measureWindows(nllPerWindow),
}));

describe('xoshiro128**', () => {
  it('gives the published first outputs of state 1, 2, 3, 4', () => {
    const next = xoshiro128([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, next)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });

  it('depends on the seed alone and is uniform', () => {
    expect(Array.from({ length: 4 }, xoshiro128(7))).toEqual(
      Array.from({ length: 4 }, xoshiro128(7)),
    );
    expect(xoshiro128(7)()).not.toBe(xoshiro128(8)());
    const next = xoshiro128(0);
    const draws = Array.from({ length: 20_000 }, () => next() / 2 ** 32);
    expect(mean(draws)).toBeCloseTo(0.5, 2);
    expect(mean(draws.map((x) => (x - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
  });
});

describe('perplexity', () => {
  it('reproduces the sample: the mean of window means is the mean over tokens', () => {
    const original = measureWindows(sample.baseline_nll_per_sample);
    expect(original.ppl).toBeCloseTo(sample.baseline_ppl, 4);
    for (const block of blocks)
      expect(Math.abs(block.nll - sample.loo_nll[block.index]!)).toBeLessThan(2e-6);
  });

  it('is null when it overflows or is no number', () => {
    expect(perplexity(709)).toBeGreaterThan(1e307);
    expect([perplexity(710), perplexity(Number.POSITIVE_INFINITY), perplexity(Number.NaN)]).toEqual(
      [null, null, null],
    );
  });
});

describe('a perplexity in a sentence', () => {
  it.each([
    [41.2584, 4, '41.26'],
    [1072.6, 3, '1,073'],
    [177697.36, 5, '177,697'],
    [7.7967992695603e16, 4, '7.8 × 10¹⁶'],
    [null, 4, 'off the scale'],
  ])('%s in %s digits', (ppl, digits, words) => {
    expect(pplWords(ppl, digits)).toBe(words);
  });
});

describe('paired bootstrap', () => {
  it('matches the interval of normal theory on many windows', () => {
    const next = xoshiro128(3);
    const difference = Array.from({ length: 400 }, () => next() / 2 ** 32);
    const [low, high] = pairedInterval(
      difference,
      difference.map(() => 0),
    );
    const half = (1.96 * Math.sqrt(1 / 12)) / Math.sqrt(400);
    expect((low + high) / 2).toBeCloseTo(mean(difference), 2);
    expect((high - low) / 2 / half).toBeGreaterThan(0.9);
    expect((high - low) / 2 / half).toBeLessThan(1.1);
  });

  it('holds the mean, shifts with a shift and changes sign with the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 2, maxLength: 12 }),
        (a) => {
          const b = a.map((_, i) => i % 3);
          const [low, high] = pairedInterval(a, b, 300);
          const m = mean(a) - mean(b);
          expect(low).toBeLessThanOrEqual(m + 1e-9);
          expect(high).toBeGreaterThanOrEqual(m - 1e-9);
          const [shiftedLow] = pairedInterval(
            a.map((x) => x + 5),
            b,
            300,
          );
          expect(shiftedLow).toBeCloseTo(low + 5, 8);
          expect(pairedInterval(b, a, 300)[0]).toBeCloseTo(-high, 8);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('finds 13 of the 15 neighbours of the sample order alike', () => {
    const order = removalOrder(blocks);
    const alike = order
      .slice(1)
      .filter((index, i) =>
        indistinguishable(blocks[index]!.nllPerWindow, blocks[order[i]!]!.nllPerWindow),
      );
    expect(alike.length).toBe(13);
  });

  it('keeps its footing on one window and on infinite scores', () => {
    expect(pairedInterval([3], [1])).toEqual([2, 2]);
    expect(indistinguishable([3], [1])).toBe(true);
    expect(pairedInterval([Number.POSITIVE_INFINITY, 3], [1, 1])).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect(() => pairedInterval([1, 2], [1])).toThrow('2 and 1 windows');
  });
});

describe('ranking', () => {
  it('gives the golden order of the sample', () => {
    expect(removalOrder(blocks)).toEqual(sample.ppl_order);
  });

  it('groups blocks within noise of each other in order, each block once', () => {
    const groups = noiseGroups(blocks);
    expect(groups.flat()).toEqual(sample.ppl_order);
    expect(groups.length).toBeGreaterThan(2);
    expect(groups.at(-1)).toEqual([0]);
    expect(groups.at(-2)).toEqual([4]);
  });

  it('leaves refused blocks out and puts numbers that are none last', () => {
    const row = (index: number, nll: number) => ({ index, nll, nllPerWindow: [nll, nll] });
    const rows = [row(0, Number.NaN), row(1, 2), { ...row(2, 0), refused: 'why' }, row(3, 2)];
    expect(removalOrder(rows)).toEqual([1, 3, 0]);
  });

  it('knows no rise from a model that gives no numbers', () => {
    for (const nll of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(hasNumbers({ nll })).toBe(false);
      expect(riseOf(nll, 3)).toBeNaN();
    }
    expect(riseOf(3, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });

  it('respects locks and refuses what they leave no room for', () => {
    expect(lowest(sample.ppl_order, 4, [9, 0])).toEqual([7, 8, 2, 1]);
    expect(endLocks(16)).toEqual([0, 1, 2, 3, 14, 15]);
    expect(endLocks(5)).toEqual([0, 1, 2, 3, 4]);
    expect(() => lowest(sample.ppl_order, 11, endLocks(16))).toThrow(
      '11 blocks cannot be removed: only 10 of 16 are unlocked.',
    );
    expect(() => lowest([1], 1.5, [])).toThrow('1.5');
  });
});

describe('chart scale', () => {
  it('sets block 0 of the sample off the scale and shows all others', () => {
    const { domain, marks } = chartScale(
      Math.log(sample.baseline_ppl),
      blocks.map((b) => b.nll),
    );
    expect(marks.indexOf('off')).toBe(0);
    expect(marks.filter((m) => m === 'shown').length).toBe(15);
    expect(domain[0]).toBeLessThan(sample.baseline_ppl);
    expect(domain[1]).toBeGreaterThan(54.3);
    expect(domain[1]).toBeLessThan(70);
  });

  it('marks infinite and huge values and survives a curve of one point', () => {
    expect(chartScale(3, [800, 20, Number.NaN]).marks).toEqual(['infinite', 'off', 'infinite']);
    const { domain, marks } = chartScale(3, []);
    expect(marks).toEqual([]);
    expect(domain[0]).toBeLessThan(domain[1]);
    expect(chartScale(3, [2.9, 3, 3, 3, 3.1]).marks.every((m) => m === 'shown')).toBe(true);
  });
});
