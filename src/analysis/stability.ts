// How far an order of blocks depends on the windows it was measured on (the calibration study);
// must not choose anything itself.

import { pairedInterval, RESAMPLES, SEED } from './bootstrap.ts';
import { averageRanks, criterionOrder, kendall, spearman } from './criteria.ts';
import { mean } from './perplexity.ts';
import { xoshiro128 } from './random.ts';
import type { Ranked } from './ranking.ts';

/**
 * Leave-one-out on one choice of windows: a seed, a size, a text. The runs of a study are of one
 * model.
 */
export interface StudyRun {
  label: string;
  blocks: readonly Ranked[];
}

interface BlockStability {
  block: number;
  /** Share of the runs in which it is among the k lowest unlocked blocks. */
  chosen: number;
  /** Rank by NLL over all blocks of the model, from 1 on: mean over the runs, and its range. */
  meanRank: number;
  lowestRank: number;
  highestRank: number;
}

/** Two runs held against each other; `a` and `b` are their positions. */
interface RunAgreement {
  a: number;
  b: number;
  spearman: number | null;
  kendall: number | null;
  /** Share of the k lowest unlocked blocks that both have. */
  overlap: number;
}

export interface Stability {
  /** Every block that all runs could leave out, lowest mean rank first. */
  blocks: BlockStability[];
  pairs: RunAgreement[];
}

/** Spread of the order over the runs. Empty lists without runs. */
export function orderStability(
  runs: readonly StudyRun[],
  k: number,
  locked: readonly number[],
): Stability {
  const scores = scoresOf(runs);
  const ranks = scores.map(averageRanks);
  const lowest = scores.map((list) => criterionOrder(list, locked).slice(0, k));
  const blocks = [...(scores[0] ?? []).keys()]
    .filter((block) => ranks.every((list) => !Number.isNaN(list[block]!)))
    .map((block): BlockStability => {
      const own = ranks.map((list) => list[block]!);
      return {
        block,
        chosen: mean(lowest.map((list) => (list.includes(block) ? 1 : 0))),
        meanRank: mean(own),
        lowestRank: Math.min(...own),
        highestRank: Math.max(...own),
      };
    })
    .sort((a, b) => a.meanRank - b.meanRank || a.block - b.block);
  const pairs = runs.flatMap((_, b) =>
    runs.slice(0, b).map((_, a): RunAgreement => {
      const shared = lowest[a]!.filter((block) => lowest[b]!.includes(block)).length;
      const overlap = lowest[a]!.length > 0 ? shared / lowest[a]!.length : 1;
      return {
        a,
        b,
        spearman: spearman(scores[a]!, scores[b]!),
        kendall: kendall(scores[a]!, scores[b]!),
        overlap,
      };
    }),
  );
  return { blocks, pairs };
}

export interface PlanStability {
  /** Windows of all runs together. */
  windows: number;
  /** Share of the runs whose k lowest unlocked blocks are the plan's k blocks. */
  runs: number;
  /** The same of resamples of all windows; NaN with fewer than two windows. */
  resamples: number;
  /** Mean share of the plan's blocks among the k lowest of a resample. */
  overlap: number;
  /**
   * On all windows: the plan's block with the highest NLL, and the lowest unlocked block outside;
   * null when there is none.
   */
  inside: number | null;
  outside: number | null;
  /**
   * NLL(without `outside`) - NLL(without `inside`) in nats, with its 95 % paired interval; negative
   * when the plan is not the k lowest.
   */
  gap: number;
  gapInterval: [number, number];
  /**
   * Other windows of the same kind might well choose other blocks: fewer than 95 % of the resamples
   * choose the plan's.
   */
  withinNoise: boolean;
}

/** Share of resamples that must choose the same blocks. */
const CONFIDENCE = 0.95;

/**
 * Whether other windows would have chosen the plan's blocks too: a paired bootstrap over the
 * windows of all runs (drawn with replacement, the same ones for every block), counting how often
 * the k lowest unlocked blocks are exactly the plan's k. Every window counts alike, whatever its
 * length.
 * @param plan whole blocks; null comes back for an empty plan, one with locked blocks, or without
 *   runs
 * @source Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13
 */
export function planStability(
  runs: readonly StudyRun[],
  plan: readonly number[],
  locked: readonly number[],
): PlanStability | null {
  const blocks = scoresOf(runs)[0]?.keys();
  const values = [...(blocks ?? [])].map((block) => windowsOf(runs, block));
  const windows = Math.max(0, ...values.map((list) => list?.length ?? 0));
  const wanted = new Set(plan);
  if (
    wanted.size === 0 ||
    windows === 0 ||
    plan.some((block) => locked.includes(block) || !values[block])
  )
    return null;
  const scores = values.map((list) => (list ? mean(list) : Number.NaN));
  const order = criterionOrder(scores, locked);
  const inside = order.filter((block) => wanted.has(block)).at(-1) ?? null;
  const outside = order.find((block) => !wanted.has(block)) ?? null;
  const bound = inside !== null && outside !== null;
  const same = (list: Scores): number =>
    criterionOrder(list, locked)
      .slice(0, wanted.size)
      .filter((block) => wanted.has(block)).length;
  const found = resampled(values, windows, same, wanted.size);
  return {
    windows,
    runs: mean(scoresOf(runs).map((list) => (same(list) === wanted.size ? 1 : 0))),
    ...found,
    inside,
    outside,
    gap: bound ? scores[outside]! - scores[inside]! : Number.POSITIVE_INFINITY,
    gapInterval: bound
      ? pairedInterval(values[outside]!, values[inside]!)
      : [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    withinNoise: !(found.resamples >= CONFIDENCE),
  };
}

type Scores = readonly number[];

function resampled(
  values: readonly (readonly number[] | null)[],
  windows: number,
  same: (scores: Scores) => number,
  size: number,
): { resamples: number; overlap: number } {
  if (windows < 2) return { resamples: Number.NaN, overlap: Number.NaN };
  const random = xoshiro128(SEED);
  const times = new Uint32Array(windows);
  let equal = 0;
  let overlap = 0;
  for (let r = 0; r < RESAMPLES; r++) {
    times.fill(0);
    for (let i = 0; i < windows; i++) times[Math.floor((random() / 2 ** 32) * windows)]! += 1;
    const shared = same(values.map((list) => (list ? weighted(list, times) : Number.NaN)));
    if (shared === size) equal++;
    overlap += shared / size;
  }
  return { resamples: equal / RESAMPLES, overlap: overlap / RESAMPLES };
}

/** Sum of the drawn windows; an infinite value that is not drawn does not count. */
function weighted(values: Scores, times: Uint32Array): number {
  let sum = 0;
  for (const [k, value] of values.entries()) if (times[k]! > 0) sum += value * times[k]!;
  return sum;
}

/** Mean NLL by block of each run; NaN for a block that cannot be left out. */
function scoresOf(runs: readonly StudyRun[]): number[][] {
  const count = Math.max(0, ...runs.flatMap(({ blocks }) => blocks.map(({ index }) => index + 1)));
  return runs.map(({ blocks }) => {
    const list = Array<number>(count).fill(Number.NaN);
    for (const block of blocks) if (block.refused === undefined) list[block.index] = block.nll;
    return list;
  });
}

/** NLL of every window of all runs without a block; null when a run could not leave it out. */
function windowsOf(runs: readonly StudyRun[], index: number): number[] | null {
  const all: number[] = [];
  for (const { blocks } of runs) {
    const block = blocks.find((one) => one.index === index);
    if (!block || block.refused !== undefined) return null;
    all.push(...block.nllPerWindow);
  }
  return all;
}
