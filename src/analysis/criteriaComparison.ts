// Criteria compared by their scores: ranks, rank correlation, the blocks on which they disagree,
// and what each would remove.

import { mean } from './perplexity.ts';

/**
 * Scores are lists by block; a block without one (it cannot be left out) has NaN, which takes part
 * in nothing.
 */
type Scores = readonly number[];

/**
 * Ranks from 1 on, lowest score first; equal scores share the mean of their ranks, NaN has rank
 * NaN.
 */
export function averageRanks(scores: Scores): number[] {
  const ranks = Array<number>(scores.length).fill(Number.NaN);
  const order = [...scores.keys()]
    .filter((k) => !Number.isNaN(scores[k]!))
    .sort((a, b) => compare(scores[a]!, scores[b]!));
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++;
    for (let k = from; k < to; k++) ranks[order[k]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

/**
 * Ranks on one axis for every criterion: 0 = remove first, 1 = remove last; a single score is at 0.
 */
export function normalisedRanks(scores: Scores): number[] {
  const count = scores.filter((score) => !Number.isNaN(score)).length;
  return averageRanks(scores).map((rank) => (rank - 1) / Math.max(1, count - 1));
}

/**
 * Spearman's rank correlation: Pearson's of average ranks, over the blocks that have both scores.
 * Null with fewer than two of them or when all scores of one list are equal.
 * @source Spearman (1904); the definition of scipy.stats.spearmanr
 */
export function spearman(a: Scores, b: Scores): number | null {
  const [x, y] = common(a, b).map(averageRanks) as [number[], number[]];
  const [meanX, meanY] = [mean(x), mean(y)];
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (const [k, value] of x.entries()) {
    xy += (value - meanX) * (y[k]! - meanY);
    xx += (value - meanX) ** 2;
    yy += (y[k]! - meanY) ** 2;
  }
  return xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : null;
}

/**
 * Kendall's tau-b: pairs in the same order less pairs in the opposite one, over those that are no
 * ties. Null as `spearman`.
 * @source Kendall (1945); the definition of scipy.stats.kendalltau
 */
export function kendall(a: Scores, b: Scores): number | null {
  const [x, y] = common(a, b) as [number[], number[]];
  let sum = 0;
  let untiedX = 0;
  let untiedY = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const p = compare(x[i]!, x[j]!);
      const q = compare(y[i]!, y[j]!);
      sum += p * q;
      untiedX += p * p;
      untiedY += q * q;
    }
  }
  return untiedX > 0 && untiedY > 0 ? sum / Math.sqrt(untiedX * untiedY) : null;
}

export interface Disagreement {
  block: number;
  /** Normalised rank by the first and by the second criterion. */
  ranks: [number, number];
}

/**
 * Blocks by how far their normalised ranks lie apart, farthest first; equal distances keep block
 * order.
 */
export function disagreements(a: Scores, b: Scores): Disagreement[] {
  const blocks = [...a.keys()].filter(
    (k) => !Number.isNaN(a[k]!) && !Number.isNaN(b[k] ?? Number.NaN),
  );
  const [x, y] = common(a, b).map(averageRanks) as [number[], number[]];
  const normalised = (rank: number): number => (rank - 1) / Math.max(1, blocks.length - 1);
  return blocks
    .map((block, k) => ({
      block,
      ranks: [normalised(x[k]!), normalised(y[k]!)] as [number, number],
      apart: Math.abs(x[k]! - y[k]!),
    }))
    .sort((p, q) => q.apart - p.apart || p.block - q.block)
    .map(({ block, ranks }) => ({ block, ranks }));
}

/**
 * Block indices, lowest score first, without those that stay; equal scores keep block order. Mag+
 * is Mag with `endLocks` staying: protection is a lock that people see, never part of a criterion.
 */
export function criterionOrder(scores: Scores, stays: Iterable<number> = []): number[] {
  const kept = new Set(stays);
  return [...scores.keys()]
    .filter((k) => !kept.has(k) && !Number.isNaN(scores[k]!))
    .sort((a, b) => compare(scores[a]!, scores[b]!) || a - b);
}

/** The n contiguous blocks whose removal turns the stream least; `first` is the lowest of them. */
export interface BlockWindow {
  first: number;
  count: number;
  /** Angular distance, 0 to 1. */
  distance: number;
}

/**
 * The best window of n contiguous blocks, of those that hold no block that stays; of equals the
 * first. Null when none is left or n is out of range.
 * @param angular `[n - 1][l]`: distance over n blocks from block l on
 * @source Gromov et al., The Unreasonable Ineffectiveness of the Deeper Layers (2024)
 */
export function bestWindow(
  angular: readonly Scores[],
  n: number,
  stays: Iterable<number> = [],
): BlockWindow | null {
  const kept = [...stays];
  let best: BlockWindow | null = null;
  for (const [first, distance] of (angular[n - 1] ?? []).entries()) {
    if (Number.isNaN(distance) || kept.some((block) => block >= first && block < first + n))
      continue;
    if (!best || distance < best.distance) best = { first, count: n, distance };
  }
  return best;
}

/** The scores of the blocks that have both. */
function common(a: Scores, b: Scores): number[][] {
  const both = [...a.keys()].filter(
    (k) => !Number.isNaN(a[k]!) && !Number.isNaN(b[k] ?? Number.NaN),
  );
  return [both.map((k) => a[k]!), both.map((k) => b[k]!)];
}

/** As `a - b`, also for infinite values. */
function compare(a: number, b: number): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}
