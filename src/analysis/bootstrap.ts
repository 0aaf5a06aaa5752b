// The paired percentile bootstrap over windows, with a fixed seed.

import { mean } from './perplexity.ts';
import { xoshiro128 } from './random.ts';

export const RESAMPLES = 2000;
export const SEED = 20240215;

/** Quantile q of ascending values, interpolated linearly (the default of NumPy). */
export function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  const share = position - below;
  return share === 0 || low === high ? low : low + share * (high - low);
}

/**
 * The 95 % interval of mean(a - b): windows are drawn with replacement, the same ones for a and b.
 * Every call draws the same windows, so that intervals of different blocks are comparable. A single
 * window gives an interval of width 0.
 * @param a, b NLL of each window, nats per token; equal lengths.
 * @throws RangeError for unequal lengths or no windows.
 * @source Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13; docs/numerics.md
 */
export function pairedInterval(
  a: readonly number[],
  b: readonly number[],
  resamples = RESAMPLES,
): [number, number] {
  if (a.length !== b.length || a.length === 0)
    throw new RangeError(`paired bootstrap of ${a.length} and ${b.length} windows`);
  const difference = a.map((value, i) => value - b[i]!);
  const n = difference.length;
  if (n === 1) return [difference[0]!, difference[0]!];
  if (difference.some((value) => !Number.isFinite(value))) {
    const all = mean(difference);
    return [all, all];
  }
  return stratifiedInterval([difference], resamples);
}

/**
 * The 95 % percentile interval of the mean over strata of their means: values are drawn with
 * replacement within each stratum.
 * @param strata finite values of each, at least one
 */
export function stratifiedInterval(
  strata: readonly (readonly number[])[],
  resamples = RESAMPLES,
): [number, number] {
  const random = xoshiro128(SEED);
  const means = new Float64Array(resamples);
  for (const values of strata) {
    const n = values.length;
    for (let r = 0; r < resamples; r++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += values[Math.floor((random() / 2 ** 32) * n)]!;
      means[r]! += sum / n / strata.length;
    }
  }
  means.sort();
  return [quantile(means, 0.025), quantile(means, 0.975)];
}

/** True when the paired interval of the difference contains 0, or when there is only one window. */
export function indistinguishable(a: readonly number[], b: readonly number[]): boolean {
  if (a.length < 2) return true;
  const [low, high] = pairedInterval(a, b);
  return low <= 0 && high >= 0;
}
