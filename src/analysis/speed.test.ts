// Speed statistics, prediction, the front and the budget search, against published numbers and
// plain references.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, type Goal, meetsGoal, nextPlan } from './goal.ts';
import { paretoFront } from './pareto.ts';
import { xoshiro128 } from './random.ts';
import {
  fitLatency,
  gainOf,
  PAPER_PROTOCOL,
  predictSeconds,
  QUICK_PROTOCOL,
  relativeError,
  statOf,
  summarise,
} from './speed.ts';

describe('summary of runs', () => {
  const runs = [2, 2.5, 4].map((seconds) => ({
    promptTokens: 12,
    tokens: 128,
    batch: 2,
    ttft: seconds / 10,
    seconds,
  }));

  it('is M * L / T, the mean over runs, with TTFT, prefill and decode apart', () => {
    const { throughput, latency, ttft, prefill, decode, runs: n } = summarise(runs);
    expect(throughput).toEqual({
      mean: (128 + 102.4 + 64) / 3,
      median: 102.4,
      min: 64,
      max: 128,
      unit: 'tokens/s',
    });
    expect(latency).toEqual({ mean: 8.5 / 3, median: 2.5, min: 2, max: 4, unit: 's' });
    expect(ttft.median).toBe(0.25);
    expect(prefill.median).toBe(24 / 0.25);
    expect(decode?.median).toBe((2 * 127) / (2.5 - 0.25));
    expect(n).toBe(3);
  });

  it('has no decode speed for a single token, and refuses no runs', () => {
    expect(summarise(runs.map((run) => ({ ...run, tokens: 1 }))).decode).toBeNull();
    expect(() => summarise([])).toThrow(RangeError);
    expect(statOf([3, 1], 's')).toEqual({ mean: 2, median: 2, min: 1, max: 3, unit: 's' });
  });

  it('stays finite where the clock did not tick', () => {
    const { prefill, decode } = summarise([
      { promptTokens: 3, tokens: 2, batch: 1, ttft: 0, seconds: 0 },
    ]);
    expect([Number.isFinite(prefill.mean), Number.isFinite(decode?.mean)]).toEqual([true, true]);
  });

  it('has the protocol of the paper, and a quick one of the same shape', () => {
    expect(PAPER_PROTOCOL).toMatchObject({
      promptTokens: 12,
      tokens: 128,
      warmup: 10,
      runs: 20,
      batch: 1,
    });
    expect(QUICK_PROTOCOL).toMatchObject({
      promptTokens: 12,
      tokens: 32,
      warmup: 2,
      runs: 5,
      batch: 1,
    });
  });
});

describe('gain', () => {
  it('is the ratio of means with an interval around it', () => {
    const { ratio, ci95, noise } = gainOf([10, 11, 10, 9], [20, 21, 22, 19]);
    expect(ratio).toBeCloseTo(82 / 40, 12);
    expect(ci95[0]).toBeLessThan(ratio);
    expect(ci95[1]).toBeGreaterThan(ratio);
    expect(ci95[0]).toBeGreaterThan(1.8);
    expect(noise).toBe(false);
    expect(gainOf([10, 11, 10, 9], [20, 21, 22, 19])).toEqual({ ratio, ci95, noise });
  });

  it('cancels what slows a whole round', () => {
    const rounds = [1, 0.5, 0.9, 0.3, 1.1, 0.7];
    const { ci95, noise } = gainOf(
      rounds.map((r) => 100 * r),
      rounds.map((r) => 120 * r),
    );
    expect(ci95[0]).toBeCloseTo(1.2, 10);
    expect(ci95[1]).toBeCloseTo(1.2, 10);
    expect(noise).toBe(false);
    // Not paired, the same rounds leave the question open.
    const apart = gainOf(
      rounds.map((r) => 100 * r),
      rounds.map((r) => 120 * r),
      false,
    );
    expect([apart.ratio, apart.noise]).toEqual([expect.closeTo(1.2, 10), true]);
    expect(gainOf([100, 110], [200, 210, 190]).noise).toBe(false);
  });

  it('calls a spread larger than the difference noise, and a single run too', () => {
    expect(gainOf([10, 14, 9], [13, 10, 11]).noise).toBe(true);
    expect(gainOf([10], [20])).toEqual({ ratio: 2, ci95: [2, 2], noise: true });
    expect(() => gainOf([], [1])).toThrow(RangeError);
  });

  it.each([5, 20])('covers the true ratio in about 95 of 100 cases of %i runs', (n) => {
    const random = xoshiro128(11);
    const noise = (): number => (random() + random() + random() + random()) / 2 ** 31 - 4;
    let held = 0;
    for (let i = 0; i < 100; i++) {
      const runs = (speed: number) => Array.from({ length: n }, () => speed * (1 + 0.05 * noise()));
      const { ci95 } = gainOf(runs(100), runs(150));
      if (ci95[0] <= 1.5 && ci95[1] >= 1.5) held++;
    }
    expect(held).toBeGreaterThanOrEqual(90);
  });
});

describe('latency over blocks', () => {
  // Shortened LLaMA, LLaMA-7B on an H100, 12 -> 128 tokens, M = 1: blocks -> tokens/s.
  const published = [
    [32, 53.7],
    [26, 66.0],
    [23, 73.9],
    [21, 80.1],
    [17, 84.0],
    [12, 107.4],
    [6, 182.5],
  ] as const;
  const points = published.map(([blocks, speed]) => ({ blocks, seconds: 128 / speed }));

  it('is the published line', () => {
    const fit = fitLatency(points)!;
    expect(fit.a).toBeCloseTo(0.39, 2);
    expect(fit.b).toBeCloseTo(0.0609, 4);
    expect(fit.r2).toBeCloseTo(0.98, 2);
    expect(fit.blocks).toEqual([6, 32]);
    for (const { blocks, seconds } of points)
      expect(Math.abs(relativeError(predictSeconds(fit, blocks)!, seconds))).toBeLessThan(0.1);
  });

  it('is exact through two points and null where a line says nothing', () => {
    const fit = fitLatency([
      { blocks: 16, seconds: 2 },
      { blocks: 8, seconds: 1.2 },
    ])!;
    expect(predictSeconds(fit, 12)).toBeCloseTo(1.6, 12);
    expect(fit.r2).toBeCloseTo(1, 12);
    expect(predictSeconds({ ...fit, a: -0.5 }, 1)).toBeNull();
    const same = { blocks: 8, seconds: 1 };
    for (const bad of [
      [],
      [same],
      [same, { ...same, seconds: 3 }],
      [same, { blocks: 4, seconds: 2 }],
      [same, { blocks: 4, seconds: Number.NaN }],
    ])
      expect(fitLatency(bad)).toBeNull();
    expect(relativeError(271, 266.7)).toBeCloseTo(0.016, 3);
  });
});

describe('front', () => {
  const value = fc.integer({ min: 0, max: 6 });
  it('holds exactly the points that no other beats, slowest first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ speed: value, nll: value }), { maxLength: 20 }),
        (points) => {
          const front = paretoFront(points);
          const beaten = (p: (typeof points)[number]) =>
            points.some(
              (q) => q.speed >= p.speed && q.nll <= p.nll && (q.speed > p.speed || q.nll < p.nll),
            );
          const key = (p: (typeof points)[number]) => `${p.speed} ${p.nll}`;
          expect(new Set(front.map(key))).toEqual(
            new Set(points.filter((p) => !beaten(p)).map(key)),
          );
          expect(new Set(front.map(key)).size).toBe(front.length);
          expect(front.map((p) => p.speed)).toEqual(
            front.map((p) => p.speed).sort((a, b) => a - b),
          );
        },
      ),
    );
  });

  it('leaves out what has no number', () => {
    expect(paretoFront([{ speed: Number.NaN, nll: 1 }])).toEqual([]);
    expect(paretoFront([{ speed: 3, nll: Number.POSITIVE_INFINITY }])).toHaveLength(1);
  });
});

describe('budget', () => {
  /** Runs the search against an oracle; every candidate at most once. */
  function search(
    estimated: readonly (number | null)[],
    measure: (k: number) => number,
    goal: Goal,
  ) {
    const candidates: Candidate[] = estimated.map((value) => ({
      estimated: value,
      measured: null,
    }));
    const tried: number[] = [];
    for (;;) {
      const next = nextPlan(candidates, goal);
      if (next.kind !== 'try') return { next, tried, candidates };
      expect(tried).not.toContain(next.k);
      tried.push(next.k);
      candidates[next.k]!.measured = measure(next.k);
    }
  }
  const speedOf = (k: number): number => 128 / (0.4 + 0.06 * (32 - k));

  it('takes the fewest removals that hold, in two measurements when the estimate is right', () => {
    const { next, tried } = search(
      Array.from({ length: 31 }, (_, k) => speedOf(k)),
      speedOf,
      { sense: 'atLeast', value: 81 },
    );
    expect(next).toEqual({ kind: 'done', k: 13 });
    expect(tried).toEqual([13, 12]);
  });

  it('corrects upwards when a measurement misses, by what the estimates were off', () => {
    const { next, tried } = search(
      Array.from({ length: 31 }, (_, k) => 1.2 * speedOf(k)),
      speedOf,
      { sense: 'atLeast', value: 81 },
    );
    expect(next).toEqual({ kind: 'done', k: 13 });
    expect(tried.length).toBeLessThanOrEqual(3);
  });

  it('does without estimates, by halves', () => {
    const { next, tried } = search(
      Array.from({ length: 31 }, () => null),
      speedOf,
      { sense: 'atLeast', value: 81 },
    );
    expect(next).toEqual({ kind: 'done', k: 13 });
    expect(tried.length).toBeLessThanOrEqual(6);
  });

  it('removes nothing where the model already meets the goal', () => {
    const { next, tried } = search([50, 55, 60], (k) => 50 + 5 * k, {
      sense: 'atLeast',
      value: 40,
    });
    expect([next, tried]).toEqual([{ kind: 'done', k: 0 }, [0]]);
  });

  it('keeps under a number of bytes', () => {
    const bytes = (k: number): number => 1000 - 30 * k;
    const { next } = search(
      Array.from({ length: 20 }, (_, k) => bytes(k) - 10),
      bytes,
      { sense: 'atMost', value: 700 },
    );
    expect(next).toEqual({ kind: 'done', k: 10 });
  });

  it('says what comes closest when nothing meets the goal', () => {
    const { next, tried } = search([50, 55, 60], (k) => 50 + 5 * k, {
      sense: 'atLeast',
      value: 100,
    });
    expect([next, tried]).toEqual([{ kind: 'impossible', best: 2 }, [2]]);
    expect(nextPlan([], { sense: 'atLeast', value: 1 })).toEqual({
      kind: 'impossible',
      best: null,
    });
  });

  it('ends with a measured hit beside a measured miss, whatever the oracle says', () => {
    const oracle = fc.array(
      fc.record({
        estimated: fc.option(fc.double({ min: 1, max: 9, noNaN: true })),
        value: fc.double({ min: 1, max: 9, noNaN: true }),
      }),
      {
        minLength: 1,
        maxLength: 25,
      },
    );
    fc.assert(
      fc.property(
        oracle,
        fc.constantFrom('atLeast' as const, 'atMost' as const),
        fc.double({ min: 0, max: 10, noNaN: true }),
        (all, sense, value) => {
          const goal = { sense, value };
          const { next, tried, candidates } = search(
            all.map((one) => one.estimated),
            (k) => all[k]!.value,
            goal,
          );
          expect(tried.length).toBeLessThanOrEqual(all.length);
          if (next.kind === 'done') {
            expect(meetsGoal(candidates[next.k]!.measured!, goal)).toBe(true);
            if (next.k > 0) expect(meetsGoal(candidates[next.k - 1]!.measured!, goal)).toBe(false);
          } else expect(meetsGoal(candidates.at(-1)!.measured!, goal)).toBe(false);
          // Where the oracle improves with every removal, it is the smallest of all.
          const rising = all.every(
            (one, k) =>
              k === 0 ||
              (sense === 'atLeast'
                ? one.value >= all[k - 1]!.value
                : one.value <= all[k - 1]!.value),
          );
          if (rising) {
            const smallest = all.findIndex((one) => meetsGoal(one.value, goal));
            expect(next.kind === 'done' ? next.k : -1).toBe(smallest);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
