// The ratio of two speeds measured once per round each; robust against disturbed rounds.

import { xoshiro128 } from '../../src/analysis/random.ts';

/** Median over rounds of a / b, with its 95 % interval. */
export interface PairedRatio {
  ratio: number;
  ci95: [number, number];
}

const RESAMPLES = 4000;
const SEED = 20240215;

/**
 * Percentile bootstrap over rounds of the median ratio, fixed seed.
 * @param a, b speeds round by round, of one length
 * @throws RangeError without rounds
 */
export function pairedRatio(a: readonly number[], b: readonly number[]): PairedRatio {
  if (a.length === 0 || a.length !== b.length)
    throw new RangeError(`ratio of ${a.length} and ${b.length} rounds`);
  const ratios = a.map((value, i) => value / b[i]!);
  const random = xoshiro128(SEED);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[Math.floor((random() / 2 ** 32) * ratios.length)]!)),
  );
  medians.sort((x, y) => x - y);
  return {
    ratio: median(ratios),
    ci95: [medians[Math.floor(RESAMPLES * 0.025)]!, medians[Math.ceil(RESAMPLES * 0.975) - 1]!],
  };
}

/** The fastest run of each round of `turns` runs. */
export function bestOf(speeds: readonly number[], turns: number): number[] {
  return Array.from({ length: Math.floor(speeds.length / turns) }, (_, round) =>
    Math.max(...speeds.slice(round * turns, (round + 1) * turns)),
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
