// The calibration study on runs made for it and on the sample's windows.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden, type SampleGolden } from '../testing/fixtures.ts';
import { mean } from './perplexity.ts';
import { xoshiro128 } from './random.ts';
import {
  orderStability,
  planStability,
  runOfCurve,
  type StudyRun,
  studyOrder,
} from './stability.ts';

function run(label: string, nllPerWindow: readonly (readonly number[])[]): StudyRun {
  return runOfCurve(
    label,
    nllPerWindow.map((values, index) => ({ index, nll: mean(values), nllPerWindow: values })),
  );
}

/**
 * Blocks whose true NLLs are 0, 1, 2, ... with noise of that spread, the same for all blocks of a
 * window and of its own.
 */
function noisy(seed: number, blocks: number, windows: number, spread: number): StudyRun {
  const next = xoshiro128(seed);
  const noise = (): number => (next() / 2 ** 32 - 0.5) * spread;
  const level = Array.from({ length: windows }, () => 10 * noise());
  return run(
    `seed ${seed}`,
    Array.from({ length: blocks }, (_, block) => level.map((value) => value + block + noise())),
  );
}

const sample = golden<SampleGolden>('sample');
const halves = [0, 5].map((from) =>
  run(
    `from ${from}`,
    sample.loo_nll_per_sample.map((values) => values.slice(from, from + 5)),
  ),
);

describe('the order over the runs', () => {
  it('taken together is that of all windows: two halves give the order of the whole', () => {
    expect(studyOrder(halves)).toEqual(sample.ppl_order);
    expect(studyOrder([])).toEqual([]);
  });

  it('is the same where the noise is small', () => {
    const runs = [1, 2, 3].map((seed) => noisy(seed, 6, 8, 0.2));
    const { blocks, pairs } = orderStability(runs, 2, []);
    expect(blocks.map(({ block }) => block)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(blocks.map(({ chosen }) => chosen)).toEqual([1, 1, 0, 0, 0, 0]);
    expect(
      blocks.map(({ lowestRank, meanRank, highestRank }) => [lowestRank, meanRank, highestRank]),
    ).toEqual([1, 2, 3, 4, 5, 6].map((rank) => [rank, rank, rank]));
    expect(pairs).toEqual([
      { a: 0, b: 1, spearman: 1, kendall: 1, overlap: 1 },
      { a: 0, b: 2, spearman: 1, kendall: 1, overlap: 1 },
      { a: 1, b: 2, spearman: 1, kendall: 1, overlap: 1 },
    ]);
  });

  it('counts how often a block is among the k lowest unlocked', () => {
    const runs = [run('a', [[1], [2], [3], [4]]), run('b', [[1], [4], [3], [2]])];
    const chosen = (locked: number[]): number[] =>
      [0, 1, 2, 3].map(
        (block) =>
          orderStability(runs, 2, locked).blocks.find((one) => one.block === block)!.chosen,
      );
    expect(chosen([])).toEqual([1, 0.5, 0, 0.5]);
    expect(chosen([0])).toEqual([0, 0.5, 1, 0.5]);
    expect(orderStability(runs, 2, []).pairs[0]!.overlap).toBe(0.5);
    const second = orderStability(runs, 2, []).blocks.find(({ block }) => block === 1)!;
    expect([second.lowestRank, second.meanRank, second.highestRank]).toEqual([2, 3, 4]);
  });

  it('keeps its sums: k blocks are chosen per run, ranks lie within their range', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (seed, size, k) => {
          const runs = [0, 1, 2].map((r) => noisy(seed + r, size, 3, 4));
          const { blocks, pairs } = orderStability(runs, k, []);
          expect(blocks.reduce((sum, { chosen }) => sum + chosen, 0)).toBeCloseTo(
            Math.min(k, size),
            9,
          );
          for (const { lowestRank, meanRank, highestRank } of blocks) {
            expect(lowestRank).toBeLessThanOrEqual(meanRank);
            expect(meanRank).toBeLessThanOrEqual(highestRank);
          }
          for (const { overlap } of pairs) expect(overlap).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('of two halves of the sample windows agrees on the ends and swaps the middle', () => {
    const { blocks, pairs } = orderStability(halves, 3, []);
    expect(blocks.at(-1)!.block).toBe(0);
    expect(blocks.at(-1)).toMatchObject({ chosen: 0, lowestRank: 16, highestRank: 16 });
    expect(pairs[0]!.spearman).toBeGreaterThan(0.5);
    expect(pairs[0]!.spearman).toBeLessThan(1);
  });

  it('of no runs, or of blocks that cannot be left out, has nothing to say', () => {
    expect(orderStability([], 3, [])).toEqual({ blocks: [], pairs: [] });
    const blocks = [1, 2].map((nll, index) => ({ index, nll, nllPerWindow: [nll] }));
    const runs = [runOfCurve('a', [blocks[0]!, { ...blocks[1]!, refused: 'why' }])];
    expect(orderStability(runs, 1, []).blocks.map(({ block }) => block)).toEqual([0]);
    expect(studyOrder(runs)).toEqual([0]);
  });

  it('by a criterion without scores of windows is that of the mean ranks', () => {
    const runs: StudyRun[] = [
      { label: 'a', scores: [3, 1, 2, 90] },
      { label: 'b', scores: [300, 200, 100, 400] },
      { label: 'c', scores: [0.3, 0.2, 0.1, 0.4] },
    ];
    expect(studyOrder(runs)).toEqual([2, 1, 0, 3]);
    expect(studyOrder([...runs, { label: 'd', scores: [1, 2, Number.NaN, 3] }])).toEqual([1, 0, 3]);
    expect(planStability(runs, [1, 2], [])).toBeNull();
  });
});

describe('a plan', () => {
  it('is beyond noise when the gap is wide, and within it when blocks are alike', () => {
    const wide = planStability([noisy(1, 6, 10, 0.2), noisy(2, 6, 10, 0.2)], [0, 1], [])!;
    expect(wide).toMatchObject({
      windows: 20,
      runs: 1,
      resamples: 1,
      overlap: 1,
      inside: 1,
      outside: 2,
      withinNoise: false,
    });
    expect(wide.gap).toBeCloseTo(1, 0);
    expect(wide.gapInterval[0]).toBeGreaterThan(0);
    const alike = planStability([noisy(1, 6, 6, 8)], [0, 1, 2], [])!;
    expect(alike.withinNoise).toBe(true);
    expect(alike.resamples).toBeLessThan(0.95);
    expect(alike.overlap).toBeGreaterThanOrEqual(alike.resamples);
  });

  it('that is not the lowest has a negative gap; noise common to all blocks does not count', () => {
    const other = planStability([noisy(1, 6, 10, 0.2)], [0, 3], [])!;
    expect(other).toMatchObject({
      runs: 0,
      resamples: 0,
      overlap: 0.5,
      inside: 3,
      outside: 1,
      withinNoise: true,
    });
    expect(other.gap).toBeCloseTo(-2, 0);
  });

  it('is judged among unlocked blocks', () => {
    expect(planStability([noisy(1, 6, 10, 0.2)], [1, 2], [0])).toMatchObject({
      runs: 1,
      inside: 2,
      outside: 3,
      withinNoise: false,
    });
    expect(planStability([noisy(1, 3, 10, 0.2)], [1, 2], [0])).toMatchObject({
      resamples: 1,
      inside: 2,
      outside: null,
      withinNoise: false,
    });
    expect(planStability([noisy(1, 6, 10, 0.2)], [0, 1], [0])).toBeNull();
    expect(planStability([noisy(1, 6, 10, 0.2)], [], [])).toBeNull();
    expect(planStability([], [1], [])).toBeNull();
  });

  it('of one window, or with infinite scores, is a defined answer', () => {
    expect(planStability([run('a', [[1], [2]])], [0], [])).toMatchObject({
      windows: 1,
      resamples: Number.NaN,
      withinNoise: true,
    });
    const infinite = run('a', [
      [1, 1, 1],
      [Number.POSITIVE_INFINITY, 2, 2],
      [3, 3, 3],
    ]);
    expect(planStability([infinite], [0], [])).toMatchObject({
      resamples: 1,
      inside: 0,
      outside: 2,
      withinNoise: false,
    });
  });

  it('of the sample: its worst blocks are told apart, the lowest three are not', () => {
    const runs = [run('all', sample.loo_nll_per_sample)];
    expect(planStability(runs, sample.ppl_order.slice(0, 3), [])).toMatchObject({
      runs: 1,
      withinNoise: true,
    });
    expect(planStability(runs, sample.ppl_order.slice(0, 14), [])).toMatchObject({
      inside: 15,
      outside: 4,
      withinNoise: false,
    });
  });
});
