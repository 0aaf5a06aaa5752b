// One criterion in use: its label and its name in an export under the chosen options, its scores
// over the data of its source, and the blocks that it would remove at once.

import { bestWindow, criterionOrder } from './criteriaComparison.ts';
import {
  type Criterion,
  type CriterionOptions,
  isMeasured,
  MEASURED_SOURCES,
  type SourceData,
  type SourceName,
} from './criteriaTable.ts';

interface OptionSpec {
  /** What the option adds to the label, and to the name in espalier.json. */
  label(options: CriterionOptions): string;
  record(options: CriterionOptions): string;
  /** The choices that an export records when `chosen` is what the page shows. */
  recorded(chosen: CriterionOptions): readonly CriterionOptions[];
}

const OPTIONS: { readonly [O in keyof CriterionOptions]: OptionSpec } = {
  norms: {
    label: ({ norms }) => (norms ? ' with norms' : ''),
    record: ({ norms }) => (norms ? '-norms' : ''),
    recorded: (chosen) => [false, true].map((norms) => ({ ...chosen, norms })),
  },
  span: {
    label: ({ span }) => (span === 1 ? '' : ` of ${span} blocks`),
    record: ({ span }) => `-${span}`,
    recorded: (chosen) => [...new Set([1, chosen.span])].map((span) => ({ ...chosen, span })),
  },
};

/** "Mag L1 with norms", "angular distance of 3 blocks". */
export function labelOf({ label, option }: Criterion, options: CriterionOptions): string {
  return option ? label + OPTIONS[option].label(options) : label;
}

/** As the name of an order, which may take any number of neighbours. */
export function orderLabelOf(criterion: Criterion, options: CriterionOptions): string {
  const { label, orderLabel, contiguous } = criterion;
  return orderLabel ?? (contiguous ? label : labelOf(criterion, options));
}

/** As espalier.json names it: "mag-l1-norms", "angular-3". */
export function recordName({ name, option }: Criterion, options: CriterionOptions): string {
  return option ? name + OPTIONS[option].record(options) : name;
}

/** The choices of its option that an export records. */
export function recordedOptions(
  { option }: Criterion,
  chosen: CriterionOptions,
): readonly CriterionOptions[] {
  return option ? OPTIONS[option].recorded(chosen) : [chosen];
}

/**
 * The k of the removable blocks that go at once, least important first; fewer where there are
 * fewer. Blocks that are locked, gone already or impossible to remove are not among `removable`.
 */
export type Take = (removable: readonly number[], k: number) => readonly number[];

/** Takes the lowest of an order, least important first. */
export function takeInOrder(order: readonly number[]): Take {
  return (removable, k) => order.filter((block) => removable.includes(block)).slice(0, k);
}

/** Takes the best k neighbours, or none. @param spans as `bestWindow` */
function takeNeighbours(spans: readonly (readonly number[])[]): Take {
  return (removable, k) => {
    const stays = [...(spans[0] ?? []).keys()].filter((block) => !removable.includes(block));
    const best = bestWindow(spans, k, stays);
    return best ? Array.from({ length: k }, (_, i) => best.first + i) : [];
  };
}

/** A criterion over the data of its source. */
export interface KnownCriterion {
  criterion: Criterion;
  /** Low = safe to remove; NaN or missing where there is none. */
  scores(options: CriterionOptions): readonly number[];
  /** False where the model gave no numbers: the scores are no ranking, and nothing is taken. */
  isRanking: boolean;
  /**
   * Of criteria that remove neighbours: `[n - 1][l]`, n blocks from block l on. Null for others,
   * and where the scores are no ranking.
   */
  spans: readonly (readonly number[])[] | null;
  take(options: CriterionOptions): Take;
  /** Of criteria that score sublayers too: as `Criterion.sublayerScores`. */
  sublayerScores?(
    options: CriterionOptions,
    sublayer: 'attention' | 'ffn',
  ): readonly (number | null)[];
  /** Of criteria from a gradient: the mean NLL in nats that it is of. */
  loss?: number;
}

/** @param data of the source that the criterion needs */
export function known(criterion: Criterion, data: SourceData[SourceName]): KnownCriterion {
  const scores = (options: CriterionOptions) => criterion.scores(data, options);
  const isRanking = criterion.isRanking?.(data) ?? true;
  const spans = (isRanking && criterion.contiguous?.spans(data)) || null;
  const { sublayerScores, loss } = criterion;
  const found = {
    criterion,
    scores,
    isRanking,
    spans,
    ...(sublayerScores && {
      sublayerScores: (options: CriterionOptions, sublayer: 'attention' | 'ffn') =>
        sublayerScores(data, options, sublayer),
    }),
    ...(loss && { loss: loss(data) }),
  };
  if (!isRanking) return { ...found, take: () => () => [] };
  return {
    ...found,
    take: (options) =>
      spans
        ? takeNeighbours(spans)
        : takeInOrder(criterion.order?.(data) ?? criterionOrder(scores(options))),
  };
}

/** True when the model is run on calibration windows for it. */
export const isOnWindows = ({ needs }: Criterion): boolean =>
  needs === 'curve' || (isMeasured(needs) && MEASURED_SOURCES[needs].onWindows);
