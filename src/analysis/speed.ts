// Speed statistics: what timed runs say, the gain of one set over another, the line through
// latencies; must not measure anything.

import { quantile, RESAMPLES, SEED } from './bootstrap.ts';
import { mean } from './perplexity.ts';
import { xoshiro128 } from './random.ts';
import { GREEDY } from './sampling.ts';

/** One number over several runs. */
export interface Stat {
  mean: number;
  median: number;
  min: number;
  max: number;
  /** e.g. "tokens/s", "s". */
  unit: string;
}

/** What the runs of one variant say. */
export interface SpeedSummary {
  /** M * L / T, the mean over runs (Shortened LLaMA, section 4), tokens/s. */
  throughput: Stat;
  /** T: prompt, all tokens and sampling, s. */
  latency: Stat;
  /** Time to the first token, s. */
  ttft: Stat;
  /** Prompt tokens of all rows over the time to the first token, tokens/s. */
  prefill: Stat;
  /** M * (n - 1) / (t_n - t_1), tokens/s; null when runs have one token. */
  decode: Stat | null;
  runs: number;
}

/** Times of one run in seconds from its start, with its shape. */
export interface RunTimes {
  promptTokens: number;
  /** New tokens per row. */
  tokens: number;
  batch: number;
  /** Until the first token is chosen (t_1). */
  ttft: number;
  /** Until the last token is chosen (t_n): the latency T. */
  seconds: number;
}

const COMMON = { prompt: null, promptTokens: 12, batch: 1, sampling: GREEDY, graphCapture: false };

/**
 * 12 -> 128 tokens, batch 1, 10 warm-up and 20 timed runs. @source Kim et al., Shortened LLaMA
 * (2024), section 4
 */
export const PAPER_PROTOCOL = {
  ...COMMON,
  mode: 'paper' as const,
  tokens: 128,
  warmup: 10,
  runs: 20,
};

/** For interaction, and labelled so: 12 -> 32 tokens, 2 + 5 runs. */
export const QUICK_PROTOCOL = { ...COMMON, mode: 'quick' as const, tokens: 32, warmup: 2, runs: 5 };

/** @throws RangeError for no values */
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

/** Browsers' clocks tick in steps of up to 0.1 ms: a tiny model may take none. */
const LEAST_SECONDS = 1e-6;

const rate = (tokens: number, seconds: number): number => tokens / Math.max(seconds, LEAST_SECONDS);

/** M * L / T of one run, tokens/s. */
export function throughputOf({ batch, tokens, seconds }: RunTimes): number {
  return rate(batch * tokens, seconds);
}

/** What the timed runs of one variant say. @throws RangeError for no runs */
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
 * Mean throughput of `pruned` over that of `original`, with a 95 % bootstrap interval; `noise` when
 * it holds 1, or with fewer than two runs.
 */
export interface Ratio {
  ratio: number;
  ci95: [number, number];
  noise: boolean;
}

/** 97.5 % points of Student's t for 1, 2, ... degrees of freedom. */
const T_975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/**
 * Share of the resamples to leave out at each end so that intervals of few runs are as wide as they
 * should be: the expanded percentile interval. Five runs: 0.1 %, twenty: 1.6 %, many: 2.5 %.
 * @source Hesterberg, What Teachers Should Know About the Bootstrap (2015), section 4.2
 */
function expandedTail(n: number): number {
  const df = n - 1;
  const t = T_975[df - 1] ?? 1.96 + 2.4 / df + 3 / df ** 2;
  return normalTail(t * Math.sqrt(n / df));
}

/** P(Z > z) for z >= 0, to 1e-7. @source Abramowitz and Stegun, 26.2.17 */
function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}

/**
 * How much faster: the ratio of means, resampled over runs (2,000 times, fixed seed).
 * @param original, pruned throughput of each run in the order of the rounds, tokens/s
 * @param byRound run k of both was made one right after the other: they are drawn as pairs, so that
 *   what slows a whole round cancels
 * @throws RangeError for no runs
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

/** T = a + b * blocks, in seconds, fitted to what was measured. */
export interface LatencyFit {
  /** Seconds that no block takes part in: embedding, head, sampling. */
  a: number;
  /** Seconds per block. */
  b: number;
  /** Share of the variance that the line explains. */
  r2: number;
  /** Fewest and most blocks that were measured: beyond them the line is a guess. */
  blocks: [number, number];
}

/**
 * The line through latencies by least squares, or null when it would say nothing: fewer than two
 * different numbers of blocks, or a slope that is not positive.
 * @source Shortened LLaMA: T(128) = 0.39 + 0.0609 * blocks on an H100
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
 * Latency that the line predicts for a number of blocks, s; null where the line falls to 0 or
 * below, far outside what was measured.
 */
export function predictSeconds(fit: LatencyFit, blocks: number): number | null {
  const seconds = fit.a + fit.b * blocks;
  return seconds > 0 ? seconds : null;
}

/** How far a prediction was off, as a share of what was measured; positive when it was too high. */
export function relativeError(predicted: number, measured: number): number {
  return (predicted - measured) / measured;
}
