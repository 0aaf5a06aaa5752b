// The criteria that are known of the open model, and how they compare with perplexity. Pure and
// memoised; decides no order.

import {
  averageRanks,
  type BlockWindow,
  bestWindow,
  disagreements,
  normalisedRanks,
  spearman,
} from '../../analysis/criteriaComparison.ts';
import {
  CRITERIA,
  type Criterion,
  type CriterionName,
  type CriterionOptions,
} from '../../analysis/criteriaTable.ts';
import {
  type KnownCriterion,
  known,
  labelOf,
  orderLabelOf,
  recordedOptions,
  recordName,
  type Take,
} from '../../analysis/criterion.ts';
import { derive } from '../memo.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { unlockedBlocks } from '../plan/locks.ts';
import type { StudioState } from '../state.ts';
import { SOURCE_NAMES, SOURCES } from './sources.ts';

/** The n of the angular distance, within the model. */
export function spanOf(state: StudioState): number {
  return Math.max(1, Math.min(state.criteria.span, numBlocksOf(state) - 1));
}

/** What was chosen for the criteria that have options. */
export const optionsOf = derive(
  (state: StudioState) => [state.criteria.norms, spanOf(state)],
  (norms, span): CriterionOptions => ({ norms, span }),
);

/** Every criterion whose source is known, over its data; perplexity first. */
const knownSources = derive(
  (state: StudioState) => SOURCE_NAMES.map((source) => SOURCES[source].data(state)),
  (...all): KnownCriterion[] =>
    CRITERIA.flatMap((criterion) => {
      const data = all[SOURCE_NAMES.indexOf(criterion.needs)];
      return data ? known(criterion, data) : [];
    }),
);

/** A criterion with its scores under the chosen options. */
export interface ScoredCriterion {
  criterion: Criterion;
  name: CriterionName;
  /** As legends and tables write it: "Mag L1 with norms". */
  label: string;
  /** As the name of an order. */
  orderLabel: string;
  /**
   * One per block, low = safe to remove; NaN where there is none. Angular distance of n blocks
   * stands at the first of them.
   */
  scores: readonly number[];
  /** False where the model gave no numbers: the scores rank nothing. */
  isRanking: boolean;
  take: Take;
  /** By block: of its attention and its feed-forward; null in criteria that score blocks alone. */
  sublayers: { [S in 'attention' | 'ffn']: readonly (number | null)[] } | null;
}

/** Every criterion that is known, perplexity first. */
export const knownCriteria = derive(
  (state: StudioState) => [knownSources(state), optionsOf(state), numBlocksOf(state)],
  (all, options, numBlocks): ScoredCriterion[] =>
    all.map(({ criterion, scores, isRanking, take, sublayerScores }) => ({
      criterion,
      name: criterion.name,
      label: labelOf(criterion, options),
      orderLabel: orderLabelOf(criterion, options),
      scores: eachBlock(scores(options), numBlocks),
      isRanking,
      take: take(options),
      sublayers: sublayersOf({ isRanking, sublayerScores }, options),
    })),
);

const sublayersOf = (
  {
    isRanking,
    sublayerScores,
  }: { isRanking: boolean; sublayerScores: KnownCriterion['sublayerScores'] | undefined },
  options: CriterionOptions,
): ScoredCriterion['sublayers'] =>
  isRanking && sublayerScores
    ? {
        attention: sublayerScores(options, 'attention'),
        ffn: sublayerScores(options, 'ffn'),
      }
    : null;

const eachBlock = (scores: readonly number[], numBlocks: number): number[] =>
  Array.from({ length: numBlocks }, (_, block) => scores[block] ?? Number.NaN);

/** A criterion under one choice of its options, with its name in espalier.json. */
export interface RecordedCriterion
  extends Pick<ScoredCriterion, 'criterion' | 'scores' | 'isRanking' | 'sublayers'> {
  name: string;
}

/** What an export records: all that was computed here, nothing that another tool wrote. */
export const recordedCriteria = derive(
  (state: StudioState) => [knownSources(state), optionsOf(state), numBlocksOf(state)],
  (all, chosen, numBlocks): RecordedCriterion[] =>
    all
      .filter(({ criterion }) => criterion.needs !== 'file')
      .flatMap(({ criterion, scores, isRanking, sublayerScores }) =>
        recordedOptions(criterion, chosen).map((options) => ({
          criterion,
          isRanking,
          name: recordName(criterion, options),
          scores: eachBlock(scores(options), numBlocks),
          sublayers: sublayersOf({ isRanking, sublayerScores }, options),
        })),
      ),
);

/** What the panel shows of a criterion. */
export interface CriterionView extends ScoredCriterion {
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

/** How many disagreements are shown. */
const SHOWN_DISAGREEMENTS = 3;

/** The criterion that the others are compared with. */
export const REFERENCE: CriterionName = 'ppl';

export const criteriaView = derive(
  (state: StudioState) => [knownCriteria(state)],
  (known): CriterionView[] => {
    const ppl = known.find(({ name, isRanking }) => name === REFERENCE && isRanking);
    const pplRanks = ppl && averageRanks(ppl.scores);
    return known.map((criterion) => {
      const { scores, isRanking } = criterion;
      const ranking = isRanking ? scores : scores.map(() => Number.NaN);
      const ranks = averageRanks(ranking);
      const other = ppl && isRanking && criterion !== ppl ? ppl : null;
      const apart = other
        ? disagreements(other.scores, criterion.scores)
            .filter(({ ranks: [a, b] }) => a !== b)
            .slice(0, SHOWN_DISAGREEMENTS)
            .map(({ block }) => ({ block, rank: ranks[block]!, pplRank: pplRanks![block]! }))
        : [];
      return {
        ...criterion,
        ranks,
        normalised: normalisedRanks(ranking),
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

/** Blocks that stay, whatever an order says. */
export const staying = derive(
  (state: StudioState) => [unlockedBlocks(state), numBlocksOf(state)],
  (free, numBlocks): readonly number[] =>
    Array.from({ length: numBlocks }, (_, block) => block).filter((block) => !free.includes(block)),
);

/** The best n contiguous blocks by the criterion that has them, n as chosen. */
export interface BestSpan extends BlockWindow {
  name: CriterionName;
  /** Its score as people read it. */
  words: string;
}

/** Null while unknown, and where no such blocks can be removed. */
export const bestSpan = derive(
  (state: StudioState) => [knownSources(state), spanOf(state), staying(state)],
  (all, span, stay): BestSpan | null => {
    for (const { criterion, spans } of all) {
      const best = spans && bestWindow(spans, span, stay);
      if (best && criterion.contiguous)
        return { ...best, name: criterion.name, words: criterion.contiguous.words(best.distance) };
    }
    return null;
  },
);
