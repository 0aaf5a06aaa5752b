// Speed statistics: summaries of timed runs, the gain of one model over another, and a line fitted
// to latencies.

import { quantile, RESAMPLES, SEED } from './bootstrap.ts';
import { mean } from './perplexity.ts';
import { xoshiro128 } from './random.ts';
import { GREEDY } from './sampling.ts';

/** Statistics of a quantity over several runs. */
export interface Stat {
  mean: number;
  median: number;
  min: number;
  max: number;
  /** For example "tokens/s" or "s". */
  unit: string;
}

/** The speed of one model over its timed runs; M = rows, L = new tokens per row. */
export interface SpeedSummary {
  /** M * L / T, averaged over runs (Shortened LLaMA, section 4), tokens/s. */
  throughput: Stat;
  /** T: time for the prompt, all tokens and sampling, s. */
  latency: Stat;
  /** Time to the first token, s. */
  ttft: Stat;
  /** Prompt tokens of all rows divided by the time to the first token, tokens/s. */
  prefill: Stat;
  /** M * (L - 1) / (t_L - t_1), tokens/s; null when some run has only one token. */
  decode: Stat | null;
  runs: number;
}

/** Times of a run in seconds from its start, and its shape. */
export interface RunTimes {
  promptTokens: number;
  /** New tokens per row. */
  tokens: number;
  batch: number;
  /** Until the first token is chosen (t_1). */
  ttft: number;
  /** Until the last token is chosen (t_L): the latency T. */
  seconds: number;
}

const COMMON = { prompt: null, promptTokens: 12, batch: 1, sampling: GREEDY, graphCapture: false };

/**
 * The paper's protocol: 12 prompt tokens, 128 new ones, batch 1, 10 warm-up and 20 timed runs.
 * @source Kim et al., Shortened LLaMA (2024), section 4
 */
export const PAPER_PROTOCOL = {
  ...COMMON,
  mode: 'paper' as const,
  tokens: 128,
  warmup: 10,
  runs: 20,
};

/**
 * A quick protocol, labelled as such: 12 prompt tokens, 32 new ones, 2 warm-up and 5 timed runs.
 */
export const QUICK_PROTOCOL = { ...COMMON, mode: 'quick' as const, tokens: 32, warmup: 2, runs: 5 };

/** @throws RangeError when there are no values. */
export function statOf(values: readonly number[], unit: string): Stat {
  if (values.length === 0) throw new RangeError(`statistics of no values in ${unit}`);
  const sorted = Float64Array.from(values).sort();
  return {
    mean: mean(values),
    median: quantile(sorted, 0.5),
    min: sorted[0]!,
    max: sorted.at(-1)!,
    unit,
  };
}

/**
 * Clocks of browsers advance in steps of up to 0.1 ms, so that a tiny model may seem to take none.
 */
const LEAST_SECONDS = 1e-6;

const rate = (tokens: number, seconds: number): number => tokens / Math.max(seconds, LEAST_SECONDS);

/** M * L / T of a run, tokens/s. */
export function throughputOf({ batch, tokens, seconds }: RunTimes): number {
  return rate(batch * tokens, seconds);
}

/** The speed over timed runs. @throws RangeError when there are no runs. */
export function summarise(samples: readonly RunTimes[]): SpeedSummary {
  const each = (of: (run: RunTimes) => number, unit: string): Stat => statOf(samples.map(of), unit);
  return {
    throughput: each(throughputOf, 'tokens/s'),
    latency: each((run) => run.seconds, 's'),
    ttft: each((run) => run.ttft, 's'),
    prefill: each((run) => rate(run.batch * run.promptTokens, run.ttft), 'tokens/s'),
    // The first token belongs to the prefill.
    decode: samples.every((run) => run.tokens > 1)
      ? each((run) => rate(run.batch * (run.tokens - 1), run.seconds - run.ttft), 'tokens/s')
      : null,
    runs: samples.length,
  };
}

/**
 * Mean throughput of the pruned model over that of the original, with a 95 % bootstrap interval.
 * `noise` is true when the interval contains 1, or with fewer than two runs.
 */
export interface Ratio {
  ratio: number;
  ci95: [number, number];
  noise: boolean;
}

/** 97.5 % quantiles of Student's t distribution for 1, 2, ... degrees of freedom. */
const T_975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/**
 * Share of the resamples to cut off at each end so that intervals of few runs are wide enough: the
 * expanded percentile interval. 0.1 % for five runs, 1.6 % for twenty, 2.5 % for many.
 * @source Hesterberg, What Teachers Should Know About the Bootstrap (2015), section 4.2
 */
function expandedTail(n: number): number {
  const df = n - 1;
  const t = T_975[df - 1] ?? 1.96 + 2.4 / df + 3 / df ** 2;
  return normalTail(t * Math.sqrt(n / df));
}

/**
 * P(Z > z) of the normal distribution for z >= 0, to 1e-7. @source Abramowitz and Stegun, 26.2.17
 */
function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}

/**
 * The gain in speed: the ratio of mean throughputs, bootstrapped over runs (2,000 resamples, fixed
 * seed).
 * @param original, pruned throughput of each run in the order of rounds, tokens/s.
 * @param byRound true when run k of both models followed one another: they are then drawn as pairs,
 *   so that whatever slows an entire round cancels.
 * @throws RangeError when there are no runs.
 * @source Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13
 */
export function gainOf(
  original: readonly number[],
  pruned: readonly number[],
  byRound = true,
): Ratio {
  if (original.length === 0 || pruned.length === 0)
    throw new RangeError(`gain of ${original.length} and ${pruned.length} runs`);
  const ratio = mean(pruned) / mean(original);
  if (original.length < 2 || pruned.length < 2) return { ratio, ci95: [ratio, ratio], noise: true };
  const random = xoshiro128(SEED);
  const index = (n: number): number => Math.floor((random() / 2 ** 32) * n);
  const paired = byRound && original.length === pruned.length;
  const ratios = Float64Array.from({ length: RESAMPLES }, () => {
    let below = 0;
    let above = 0;
    for (let i = 0; i < original.length; i++) {
      const round = index(original.length);
      below += original[round]!;
      if (paired) above += pruned[round]!;
    }
    if (!paired) for (let i = 0; i < pruned.length; i++) above += pruned[index(pruned.length)]!;
    return above / pruned.length / (below / original.length);
  }).sort();
  const tail = expandedTail(Math.min(original.length, pruned.length));
  const ci95: [number, number] = [quantile(ratios, tail), quantile(ratios, 1 - tail)];
  return { ratio, ci95, noise: ci95[0] <= 1 && ci95[1] >= 1 };
}

/** T = a + b * blocks in seconds, fitted to measured latencies. */
export interface LatencyFit {
  /** Seconds outside blocks: embedding, head, sampling. */
  a: number;
  /** Seconds per block. */
  b: number;
  /** Coefficient of determination: the share of the variance that the line explains. */
  r2: number;
  /** Smallest and largest number of blocks measured; outside of them the line extrapolates. */
  blocks: [number, number];
}

/**
 * Fits a line to latencies by least squares. Null for fewer than two different numbers of blocks,
 * or a slope that is not positive.
 * @source Kim et al., Shortened LLaMA (2024): T(128) = 0.39 + 0.0609 * blocks on an H100
 */
export function fitLatency(
  points: readonly { blocks: number; seconds: number }[],
): LatencyFit | null {
  const used = points.filter(
    ({ blocks, seconds }) => Number.isFinite(blocks) && Number.isFinite(seconds),
  );
  const blocks = used.map((point) => point.blocks);
  if (new Set(blocks).size < 2) return null;
  const meanBlocks = mean(blocks);
  const meanSeconds = mean(used.map((point) => point.seconds));
  let covariance = 0;
  let variance = 0;
  let total = 0;
  for (const point of used) {
    covariance += (point.blocks - meanBlocks) * (point.seconds - meanSeconds);
    variance += (point.blocks - meanBlocks) ** 2;
    total += (point.seconds - meanSeconds) ** 2;
  }
  const b = covariance / variance;
  if (!(b > 0)) return null;
  return {
    a: meanSeconds - b * meanBlocks,
    b,
    r2: covariance ** 2 / (variance * total),
    blocks: [Math.min(...blocks), Math.max(...blocks)],
  };
}

/**
 * Predicted latency for a number of blocks, s; null where the line is not positive, far from all
 * measurements.
 */
export function predictSeconds(fit: LatencyFit, blocks: number): number | null {
  const seconds = fit.a + fit.b * blocks;
  return seconds > 0 ? seconds : null;
}

/**
 * Predictions and measurements, or two measurements, that are farther apart are a reason to measure
 * again: relative, ours.
 */
export const APART = 0.3;

/** Relative error of a prediction; positive when it was too high. */
export function relativeError(predicted: number, measured: number): number {
  return (predicted - measured) / measured;
}
