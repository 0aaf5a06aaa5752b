// How much an order of blocks depends on the calibration windows (the calibration study).

import { pairedInterval, RESAMPLES, SEED } from './bootstrap.ts';
import { averageRanks, criterionOrder, kendall, spearman } from './criteriaComparison.ts';
import { mean } from './perplexity.ts';
import { xoshiro128 } from './random.ts';
import type { Ranked } from './ranking.ts';

/** The blocks scored on one choice of windows (a seed, a size, a text); a study has several. */
export interface StudyRun {
  label: string;
  /** By block; low = safe to remove, NaN for one that cannot be removed. */
  scores: readonly number[];
  /**
   * NLL of every window by block, null for one that cannot be removed; absent where the criterion
   * scores all windows together.
   */
  windows?: readonly (readonly number[] | null)[];
}

/** A run of the importance curve. */
export function runOfCurve(label: string, blocks: readonly Ranked[]): StudyRun {
  const count = Math.max(0, ...blocks.map(({ index }) => index + 1));
  const scores = Array<number>(count).fill(Number.NaN);
  const windows = Array<readonly number[] | null>(count).fill(null);
  for (const { index, nll, nllPerWindow, refused } of blocks) {
    if (refused !== undefined) continue;
    scores[index] = nll;
    windows[index] = nllPerWindow;
  }
  return { label, scores, windows };
}

interface BlockStability {
  block: number;
  /** Share of the runs in which it is among the k lowest unlocked blocks. */
  chosen: number;
  /** Rank by score among all blocks of the model, from 1: mean over the runs, and range. */
  meanRank: number;
  lowestRank: number;
  highestRank: number;
}

/** The agreement of two runs; `a` and `b` are their indices. */
interface RunAgreement {
  a: number;
  b: number;
  spearman: number | null;
  kendall: number | null;
  /** Share of the k lowest unlocked blocks that both runs have in common. */
  overlap: number;
}

export interface Stability {
  /** Every block that is ranked in all runs, lowest mean rank first. */
  blocks: BlockStability[];
  pairs: RunAgreement[];
}

/** The spread of the order over the runs; empty lists when there are no runs. */
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

/**
 * Blocks by their mean NLL over all windows of all runs, lowest first; without blocks that cannot
 * be removed in some run. Windows count alike, and one that several runs have counts in each.
 * Where windows have no scores of their own, blocks by their mean rank over the runs.
 */
export function studyOrder(runs: readonly StudyRun[]): number[] {
  if (runs.some(({ windows }) => !windows))
    return orderStability(runs, 0, []).blocks.map(({ block }) => block);
  return criterionOrder(allWindows(runs).map((list) => (list ? mean(list) : Number.NaN)));
}

export interface PlanStability {
  /** Number of windows of all runs together. */
  windows: number;
  /** Share of the runs in which the k lowest unlocked blocks are the k blocks of the plan. */
  runs: number;
  /** The same share among resamples of all windows; NaN with fewer than two windows. */
  resamples: number;
  /** Share of the plan's blocks among the k lowest, averaged over resamples. */
  overlap: number;
  /**
   * On all windows: the block of the plan with the highest NLL, and the unlocked block outside it
   * with the lowest; null when there is none.
   */
  inside: number | null;
  outside: number | null;
  /**
   * NLL(without `outside`) - NLL(without `inside`) in nats, and its paired 95 % interval. Negative
   * when the blocks of the plan are not the k lowest.
   */
  gap: number;
  gapInterval: [number, number];
  /** True when fewer than 95 % of the resamples choose the blocks of the plan. */
  withinNoise: boolean;
}

/** Share of resamples that must choose the same blocks. */
const CONFIDENCE = 0.95;

/**
 * Whether other windows would have chosen the same blocks. A paired bootstrap over the windows of
 * all runs (drawn with replacement, the same ones for every block) counts how often the k lowest
 * unlocked blocks are exactly those of the plan. Windows of all lengths count alike.
 * @param plan whole blocks.
 * @param runs of the importance curve.
 * @returns null without runs, for an empty plan, and for a plan with locked or unranked blocks.
 * @source Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13
 */
export function planStability(
  runs: readonly StudyRun[],
  plan: readonly number[],
  locked: readonly number[],
): PlanStability | null {
  const values = allWindows(runs);
  const windows = Math.max(0, ...values.map((list) => list?.length ?? 0));
  const planned = new Set(plan);
  if (
    planned.size === 0 ||
    windows === 0 ||
    plan.some((block) => locked.includes(block) || !values[block])
  )
    return null;
  const scores = values.map((list) => (list ? mean(list) : Number.NaN));
  const order = criterionOrder(scores, locked);
  const inside = order.filter((block) => planned.has(block)).at(-1) ?? null;
  const outside = order.find((block) => !planned.has(block)) ?? null;
  const bound = inside !== null && outside !== null;
  const shared = (list: Scores): number =>
    criterionOrder(list, locked)
      .slice(0, planned.size)
      .filter((block) => planned.has(block)).length;
  const found = resampled(values, windows, shared, planned.size);
  return {
    windows,
    runs: mean(scoresOf(runs).map((list) => (shared(list) === planned.size ? 1 : 0))),
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
  shared: (scores: Scores) => number,
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
    const common = shared(values.map((list) => (list ? weighted(list, times) : Number.NaN)));
    if (common === size) equal++;
    overlap += common / size;
  }
  return { resamples: equal / RESAMPLES, overlap: overlap / RESAMPLES };
}

/** Sum over the drawn windows. Those not drawn are skipped, since 0 x Infinity is NaN. */
function weighted(values: Scores, times: Uint32Array): number {
  let sum = 0;
  for (const [k, value] of values.entries()) if (times[k]! > 0) sum += value * times[k]!;
  return sum;
}

/** The scores of each run by block, of as many blocks in each. */
function scoresOf(runs: readonly StudyRun[]): number[][] {
  const count = Math.max(0, ...runs.map(({ scores }) => scores.length));
  return runs.map(({ scores }) => Array.from({ length: count }, (_, k) => scores[k] ?? Number.NaN));
}

/** By block. */
const allWindows = (runs: readonly StudyRun[]): (readonly number[] | null)[] =>
  [...(scoresOf(runs)[0]?.keys() ?? [])].map((block) => windowsOf(runs, block));

/** NLL of every window of all runs without a block; null when it cannot be removed in some run. */
function windowsOf(runs: readonly StudyRun[], index: number): number[] | null {
  const all: number[] = [];
  for (const { windows } of runs) {
    const own = windows?.[index];
    if (!own) return null;
    all.push(...own);
  }
  return all;
}
