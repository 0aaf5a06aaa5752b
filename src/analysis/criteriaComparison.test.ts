// Ranks and rank correlations against published values and by their laws; orders and windows of the
// sample.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden, type SampleGolden } from '../testing/fixtures.ts';
import {
  averageRanks,
  bestWindow,
  criterionOrder,
  disagreements,
  kendall,
  normalisedRanks,
  spearman,
} from './criteriaComparison.ts';
import { endLocks } from './ranking.ts';

const sample = golden<
  SampleGolden & {
    mag_l1_linear: number[];
    block_influence: number[];
    angular_last_token: Record<string, number[]>;
  }
>('sample');

/** Few values, so that ties are frequent. */
const scores = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 3, maxLength: 12 });
const pair = fc.integer({ min: 3, max: 12 }).chain((size) => {
  const list = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: size, maxLength: size });
  return fc.tuple(list, list);
});

describe('ranks', () => {
  it('share ties, leave out what has no score and place infinite scores last', () => {
    expect(averageRanks([0, 2, 3, 2])).toEqual([1, 2.5, 4, 2.5]);
    expect(averageRanks([Number.NaN, 5, Number.POSITIVE_INFINITY, 1])).toEqual([
      Number.NaN,
      2,
      3,
      1,
    ]);
    expect(normalisedRanks([10, 30, 20])).toEqual([0, 1, 0.5]);
    expect(normalisedRanks([7])).toEqual([0]);
    expect(normalisedRanks([])).toEqual([]);
  });

  it('sum to that of 1 to n and follow the scores', () => {
    fc.assert(
      fc.property(scores, (list) => {
        const ranks = averageRanks(list);
        expect(ranks.reduce((a, b) => a + b, 0)).toBeCloseTo(
          (list.length * (list.length + 1)) / 2,
          9,
        );
        for (const [i, a] of list.entries())
          for (const [j, b] of list.entries())
            expect(Math.sign(ranks[i]! - ranks[j]!)).toBe(Math.sign(a - b));
      }),
    );
  });
});

describe('rank correlation', () => {
  it('has the values of the examples in the documentation of scipy', () => {
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(kendall([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.47140452079103173, 12);
  });

  it('is 1 with itself, -1 with its reverse, blind to scale, symmetric and bounded', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        for (const correlation of [spearman, kendall]) {
          const varied = new Set(a).size > 1;
          if (!varied) expect(correlation(a, b)).toBeNull();
          else {
            expect(correlation(a, a)).toBeCloseTo(1, 12);
            expect(
              correlation(
                a,
                a.map((x) => -x),
              ),
            ).toBeCloseTo(-1, 12);
          }
          const value = correlation(a, b);
          expect(correlation(b, a)).toEqual(value);
          expect(
            correlation(
              a.map((x) => Math.exp(x)),
              b,
            ),
          ).toEqual(value);
          if (value !== null) expect(Math.abs(value)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('skips blocks without a score in either list', () => {
    expect(spearman([1, Number.NaN, 2, 3], [1, 9, 2, Number.NaN])).toBe(1);
    expect(spearman([1, Number.NaN], [1, 2])).toBeNull();
    expect(kendall([], [])).toBeNull();
    expect(spearman([1, Number.POSITIVE_INFINITY, 2], [1, 3, 2])).toBe(1);
  });

  it('of the sample: Block Influence goes with perplexity, magnitude hardly', () => {
    expect(spearman(sample.loo_nll, sample.block_influence)).toBeGreaterThan(0.5);
    expect(Math.abs(spearman(sample.loo_nll, sample.mag_l1_linear)!)).toBeLessThan(0.7);
  });
});

describe('disagreement', () => {
  it('lists the blocks whose ranks lie farthest apart first', () => {
    expect(disagreements([1, 2, 3, Number.NaN, 4], [1, 4, 2, 0, 3])).toEqual([
      { block: 1, ranks: [1 / 3, 1] },
      { block: 2, ranks: [2 / 3, 1 / 3] },
      { block: 4, ranks: [1, 2 / 3] },
      { block: 0, ranks: [0, 0] },
    ]);
    const [first] = disagreements(sample.loo_nll, sample.mag_l1_linear);
    expect(Math.abs(first!.ranks[0] - first!.ranks[1])).toBeGreaterThan(0.3);
  });
});

describe('orders', () => {
  it('of perplexity is the golden one, and locks stay', () => {
    expect(criterionOrder(sample.loo_nll)).toEqual(sample.ppl_order);
    const plus = criterionOrder(sample.mag_l1_linear, endLocks(16));
    expect(plus).toEqual(
      criterionOrder(sample.mag_l1_linear).filter((block) => block > 3 && block < 14),
    );
    expect(criterionOrder([2, Number.NaN, 1, 2])).toEqual([2, 0, 3]);
  });

  it('the best window is the lowest without a block that stays', () => {
    const angular = [1, 2, 3, 4].map((n) => sample.angular_last_token[n]!);
    const free = bestWindow(angular, 3)!;
    expect(free.distance).toBe(Math.min(...angular[2]!));
    expect(angular[2]![free.first]).toBe(free.distance);
    const locked = bestWindow(angular, 3, [free.first + 1])!;
    expect(locked.distance).toBeGreaterThan(free.distance);
    expect(Math.abs(locked.first - free.first - 1)).toBeGreaterThanOrEqual(1);
    expect([0, 1, 2].map((k) => locked.first + k)).not.toContain(free.first + 1);
    expect(bestWindow(angular, 9)).toBeNull();
    expect(bestWindow(angular, 0)).toBeNull();
    expect(bestWindow([[1, 1, 1]], 1, [0, 1, 2])).toBeNull();
    expect(bestWindow([[2, 1, 1]], 1)).toEqual({ first: 1, count: 1, distance: 1 });
  });
});
