// The criteria that are known of the open model, and what they say of its blocks beside perplexity.
// Pure and memoised; decides no order.

import {
  averageRanks,
  type BlockWindow,
  bestWindow,
  disagreements,
  normalisedRanks,
  spearman,
} from '../../analysis/criteria.ts';
import type { HiddenCriteria } from '../../contract/criteria.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';
import { fileScores } from './fileOrders.ts';
import type { CriterionName } from './state.ts';

/** A criterion with its scores. */
export interface Criterion {
  name: CriterionName;
  /** As legends and tables write it: "Mag L1 with norms". */
  label: string;
  /** As an export records it. */
  record: string;
  /**
   * One per block, low = safe to remove; NaN where there is none. Angular distance of n blocks
   * stands at the first of them.
   */
  scores: readonly number[];
}

export const CRITERIA: readonly { name: CriterionName; label: string }[] = [
  { name: 'ppl', label: 'PPL' },
  { name: 'mag-l1', label: 'Mag L1' },
  { name: 'mag-l2', label: 'Mag L2' },
  { name: 'block-influence', label: 'Block Influence' },
  { name: 'angular', label: 'angular distance' },
  { name: 'file-ppl', label: 'PPL from file' },
];

/**
 * The criteria of hidden states that belong to the curve in force, or to the model while there is
 * none.
 */
export const hiddenInForce = derive(
  (state: StudioState) => [state.score.curve, state.criteria.hidden],
  (curve, apart): HiddenCriteria | null =>
    curve?.result.hidden ?? (apart && apart.curve === (curve?.id ?? null) ? apart.values : null),
);

/** Perplexity's scores are mean NLLs in nats: they have the same order. */
const pplScores = derive(
  (state: StudioState) => [state.score.curve, state.model.current],
  (curve, model): readonly number[] | null => {
    if (!curve || !model) return null;
    const scores = Array<number>(model.summary.numBlocks).fill(Number.NaN);
    for (const { index, nll, refused } of curve.result.blocks) if (!refused) scores[index] = nll;
    return scores;
  },
);

const numBlocksOf = (state: StudioState) => state.model.current?.summary.numBlocks ?? 0;

/** The n of the angular distance, within the model. */
export function spanOf(state: StudioState): number {
  return Math.max(1, Math.min(state.criteria.span, numBlocksOf(state) - 1));
}

/** Every criterion that is known, perplexity first. */
export const knownCriteria = derive(
  (state: StudioState) => [
    pplScores(state),
    state.criteria.magnitudes,
    hiddenInForce(state),
    fileScores(state),
    state.criteria.norms,
    spanOf(state),
    numBlocksOf(state),
  ],
  (ppl, magnitudes, hidden, file, norms, span, numBlocks): Criterion[] => {
    const known: Criterion[] = [];
    if (ppl) known.push({ name: 'ppl', label: 'PPL', record: 'ppl', scores: ppl });
    if (magnitudes)
      for (const power of ['l1', 'l2'] as const)
        known.push({
          name: `mag-${power}`,
          label: `Mag ${power.toUpperCase()}${norms ? ' with norms' : ''}`,
          record: `mag-${power}${norms ? '-norms' : ''}`,
          scores: magnitudes[norms ? (`${power}WithNorms` as const) : power],
        });
    if (hidden) {
      known.push({
        name: 'block-influence',
        label: 'Block Influence',
        record: 'block-influence',
        scores: hidden.blockInfluence,
      });
      const distances = hidden.angular[span - 1] ?? [];
      const scores = Array.from(
        { length: numBlocks },
        (_, block) => distances[block] ?? Number.NaN,
      );
      const label = span === 1 ? 'angular distance' : `angular distance of ${span} blocks`;
      known.push({ name: 'angular', label, record: `angular-${span}`, scores });
    }
    if (file)
      known.push({ name: 'file-ppl', label: 'PPL from file', record: 'ppl-file', scores: file });
    return known;
  },
);

/** What the panel tells of a criterion. */
export interface CriterionView extends Criterion {
  /** 1 = remove first; equal scores share a rank; NaN where there is no score. */
  ranks: readonly number[];
  /** The same on one axis for all: 0 = remove first, 1 = remove last. */
  normalised: readonly number[];
  /**
   * Spearman's rank correlation with perplexity; null for perplexity itself and where there is
   * none.
   */
  spearman: number | null;
  /** Blocks on which it and perplexity disagree most, with both ranks, farthest apart first. */
  apart: readonly { block: number; rank: number; pplRank: number }[];
}

/** How many disagreements are told. */
const TOLD = 3;

export const criteriaView = derive(
  (state: StudioState) => [knownCriteria(state)],
  (known): CriterionView[] => {
    const ppl = known.find(({ name }) => name === 'ppl');
    const pplRanks = ppl && averageRanks(ppl.scores);
    return known.map((criterion) => {
      const ranks = averageRanks(criterion.scores);
      const other = ppl && criterion !== ppl ? ppl : null;
      const apart = other
        ? disagreements(other.scores, criterion.scores)
            .filter(({ ranks: [a, b] }) => a !== b)
            .slice(0, TOLD)
            .map(({ block }) => ({ block, rank: ranks[block]!, pplRank: pplRanks![block]! }))
        : [];
      return {
        ...criterion,
        ranks,
        normalised: normalisedRanks(criterion.scores),
        spearman: other && spearman(other.scores, criterion.scores),
        apart,
      };
    });
  },
);

/** Those that are drawn. */
export const shownCriteria = derive(
  (state: StudioState) => [criteriaView(state), state.criteria.shown],
  (known, shown): CriterionView[] => known.filter(({ name }) => shown.includes(name)),
);

/** Blocks that may go: neither locked nor impossible to remove. */
export const freeBlocks = derive(
  (state: StudioState) => [state.model.current, state.plan.present.locked],
  (model, locked): readonly number[] =>
    (model?.summary.blocks ?? [])
      .filter(({ index, unremovable }) => !unremovable && !locked.includes(index))
      .map(({ index }) => index),
);

/** Blocks that stay, whatever an order says. */
export const staying = derive(
  (state: StudioState) => [freeBlocks(state), numBlocksOf(state)],
  (free, numBlocks): readonly number[] =>
    Array.from({ length: numBlocks }, (_, block) => block).filter((block) => !free.includes(block)),
);

/**
 * The n contiguous blocks that may go and turn the stream least, n as chosen; null while unknown or
 * where none may go.
 */
export const bestSpan = derive(
  (state: StudioState) => [hiddenInForce(state), spanOf(state), staying(state)],
  (hidden, span, stay): BlockWindow | null =>
    hidden ? bestWindow(hidden.angular, span, stay) : null,
);
