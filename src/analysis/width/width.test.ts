// Statistics of columns by their definitions; how many groups and channels go, and which.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allWeights, countsByRatio, countsByWeights, inMultiples, removable } from './amounts.ts';
import { RunningColumns, windowSums } from './columns.ts';
import { ofOwners, standardised, wandaColumns } from './scores.ts';
import {
  type BlockSizes,
  belowOneThreshold,
  lowest,
  lowestOfAll,
  lowestOfEach,
  weightsOf,
} from './select.ts';

describe('statistics of columns', () => {
  // Two windows of two tokens, one of three; one column, far from zero.
  const windows = [
    [100, 103],
    [99, 104],
    [101, 97, 102],
  ];
  const run = (variance: 'formula' | 'as-run') => {
    const columns = new RunningColumns(1, variance);
    for (const window of windows) columns.add(windowSums(Float32Array.from(window), 1));
    return columns;
  };

  it('weigh windows alike, whatever their length', () => {
    const { means, squares } = run('formula');
    expect(means[0]).toBeCloseTo((101.5 + 101.5 + 100) / 3, 12);
    const sums = windows.map((window) => window.reduce((sum, x) => sum + x * x, 0));
    expect(squares[0]).toBeCloseTo(sums.reduce((sum, x) => sum + x, 0) / 3, 8);
  });

  it('follow FLAP by its formula, and as its code runs', () => {
    // v after the second window, then after the third, token by token.
    const [second, third] = [101.5, (101.5 * 2) / 3 + 100 / 3];
    const v = ((99 - second) ** 2 + (104 - second) ** 2) / 2;
    const sumOf = (earlier: number) =>
      windows[2]!.reduce((sum, x) => sum + (x - third) * (x - earlier), 0);
    expect(run('formula').fluctuation[0]).toBeCloseTo(v / 2 + sumOf(second) / 3, 8);
    expect(run('as-run').fluctuation[0]).toBeCloseTo(v / 2 + sumOf(third) / 3, 8);
  });

  it('make scores of columns, and of the groups or channels that own them', () => {
    const columns = new RunningColumns(4, 'formula');
    columns.add(windowSums(Float32Array.of(1, 0, 3, 0, 0, 2, 0, 1), 4));
    const weights = { outputs: 2, absolute: [2, 4, 6, 8], squares: [1, 1, 1, 1] };
    const scores = wandaColumns(weights, columns);
    expect([...scores]).toEqual([1, 4, 9, 4]);
    expect(ofOwners(scores, Int32Array.of(0, 1, 1, 0), 2, 'sum')).toEqual([5, 13]);
    expect(ofOwners(scores, Int32Array.of(0, 1, 1, 0), 2, 'mean')).toEqual([2.5, 6.5]);
    expect([...standardised(Float64Array.of(1, 2, 3))]).toEqual([-1, 0, 1]);
    expect([...standardised(Float64Array.of(2, 2))]).toEqual([0, 0]);
  });
});

const size: BlockSizes = {
  groups: 8,
  groupWeights: 4000,
  groupColumns: 64,
  channels: 320,
  channelWeights: 300,
};

describe('amounts', () => {
  it('are counted as published', () => {
    const by = (ratio: number, rule: 'removed-rounded-down' | 'kept-rounded-down') =>
      countsByRatio([size], ratio, 1, rule)[0];
    expect(by(0.2, 'removed-rounded-down')).toEqual({ groups: 1, channels: 64 });
    expect(by(0.3, 'removed-rounded-down')).toEqual({ groups: 2, channels: 96 });
    // 512 columns, of which 409 stay: 103 hold one group of 64.
    expect(by(0.2, 'kept-rounded-down')).toEqual({ groups: 1, channels: 64 });
    expect(by(0.127, 'kept-rounded-down')).toEqual({ groups: 1, channels: 41 });
    expect(by(0.127, 'removed-rounded-down')).toEqual({ groups: 1, channels: 40 });
  });

  it('leave multiples of channels, and at least one', () => {
    expect(inMultiples(320, 96, 32)).toBe(96);
    expect(inMultiples(320, 90, 32)).toBe(96);
    expect(inMultiples(320, 15, 32)).toBe(0);
    expect(inMultiples(320, 319, 32)).toBe(288);
    expect(inMultiples(320, 0, 64)).toBe(0);
    // No multiple of 64 at first.
    expect(inMultiples(344, 30, 64)).toBe(24);
    expect(inMultiples(344, 330, 512)).toBe(0);
  });

  it('come as near to a number of weights as widths allow', () => {
    const sizes = fc.array(
      fc.record({
        groups: fc.constantFrom(0, 1, 2, 8),
        groupWeights: fc.integer({ min: 500, max: 5000 }),
        groupColumns: fc.constant(64),
        channels: fc.constantFrom(0, 64, 100, 320),
        channelWeights: fc.integer({ min: 10, max: 400 }),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(sizes, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
        const most = removable(all, 1);
        const largest = weightsOf(removedOf(most), all);
        const wanted = share * largest;
        const counts = countsByWeights(all, wanted, 1);
        for (const [b, { groups, channels }] of counts.entries()) {
          expect(groups).toBeLessThanOrEqual(most[b]!.groups);
          expect(channels).toBeLessThanOrEqual(most[b]!.channels);
        }
        const off = Math.abs(weightsOf(removedOf(counts), all) - wanted);
        const stepsOfChannels = all.reduce(
          (sum, s) => sum + (s.channels ? s.channelWeights : 0),
          0,
        );
        const stepsOfGroups = all.reduce((sum, s) => sum + (s.groups ? s.groupWeights : 0), 0);
        expect(off).toBeLessThanOrEqual(stepsOfChannels + stepsOfGroups);
      }),
    );
    const sample = Array.from({ length: 16 }, () => ({ ...size, groups: 2, groupWeights: 24576 }));
    // A quarter of 16 x (2 x 24576 + 320 x 300): no whole group, the rest in channels.
    const wanted = allWeights(sample) / 4;
    expect(countsByWeights(sample, wanted, 1)[0]).toEqual({ groups: 0, channels: 121 });
    expect(countsByWeights(sample, wanted, 32)[0]).toEqual({ groups: 0, channels: 128 });
  });

  const removedOf = (counts: readonly { groups: number; channels: number }[]) =>
    counts.map(({ groups, channels }) => ({
      groups: [...new Array(groups).keys()],
      channels: [...new Array(channels).keys()],
    }));
});

describe('selection', () => {
  it('takes the lowest, of equals the first', () => {
    expect(lowest([3, 1, 2, 1, 0], 3)).toEqual([1, 3, 4]);
    expect(lowest([1, 1, 1], 2)).toEqual([0, 1]);
    expect(lowestOfEach([{ groups: [2, 1], channels: [] }], [{ groups: 1, channels: 0 }])).toEqual([
      { groups: [1], channels: [] },
    ]);
  });

  it('cuts all blocks at one threshold, where the weights above are nearest', () => {
    const scores = [
      { groups: [2, -1], channels: [0.5, -0.5] },
      { groups: [1, 0], channels: [-2, 3] },
    ];
    const two = { ...size, groups: 2, groupWeights: 10, channels: 2, channelWeights: 1 };
    // From the highest: 1, 11, 21, 22, 32, ... of 44 in all.
    const { removed, threshold } = belowOneThreshold(scores, [two, two], 22);
    expect(threshold).toBe(0.5);
    expect(removed).toEqual([
      { groups: [1], channels: [0, 1] },
      { groups: [1], channels: [0] },
    ]);
    expect(weightsOf(removed, [two, two])).toBe(23);
  });

  it('takes the lowest of all blocks within a number of weights', () => {
    const scores = [
      { groups: [3, 1], channels: [2, 4, 5] },
      { groups: [0], channels: [9, 6] },
    ];
    const sizes = [
      { ...size, groups: 2, groupWeights: 10, channels: 3, channelWeights: 2 },
      { ...size, groups: 1, groupWeights: 10, channels: 2, channelWeights: 2 },
    ];
    // The only group stays, and so does one that is too much.
    expect(lowestOfAll(scores, sizes, 12.9)).toEqual([
      { groups: [1], channels: [0] },
      { groups: [], channels: [] },
    ]);
    expect(lowestOfAll(scores, sizes, 6)).toEqual([
      { groups: [], channels: [0, 1] },
      { groups: [], channels: [1] },
    ]);
    expect(weightsOf(lowestOfAll(scores, sizes, 100), sizes)).toBe(16);
  });
});
