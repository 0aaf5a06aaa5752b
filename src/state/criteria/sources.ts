// The sources of criteria: where the page has each from, and what measuring it costs. Pure; the
// data of a source is the same object until it changes.

import {
  CRITERIA,
  isMeasured,
  MEASURED_SOURCES,
  type MeasuredSource,
  type SourceData,
  type SourceName,
} from '../../analysis/criteriaTable.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import { backwardWork, passWork, type Work } from '../estimate/work.ts';
import type { OpenModel } from '../open/state.ts';
import type { StudioState } from '../state.ts';
import { fileScores } from './fileOrders.ts';

interface SourceRow<S extends SourceName> {
  /** Null while unknown. */
  data(state: StudioState): SourceData[S] | null;
}

interface MeasuredRow<S extends SourceName> extends SourceRow<S> {
  /** What is measured, beside its progress. */
  title: string;
  /** @param gradients the memory that they take; null while unknown */
  cost(model: OpenModel | null, gradients: MemoryEstimate | null): SourceCost;
  /** What it runs on so many tokens; absent where it runs nothing. */
  work?(numBlocks: number, tokens: number): Work;
}

/** What measuring a source does. */
export interface SourceCost {
  words: string;
  /** Bytes of weights that it reads by itself. */
  bytes?: number;
  /** What it takes, where that is more than scoring took. */
  memory?: MemoryEstimate;
}

/** What was measured of a source, while it belongs to the current curve. */
function measured<S extends MeasuredSource>(state: StudioState, source: S): SourceData[S] | null {
  const kept = state.criteria.measured[source];
  const curve = state.score.curve?.id ?? null;
  if (!kept || (MEASURED_SOURCES[source].onWindows && kept.curve !== curve)) return null;
  return kept.result.data;
}

export const SOURCES: {
  readonly [S in SourceName]: S extends MeasuredSource ? MeasuredRow<S> : SourceRow<S>;
} = {
  curve: { data: (state) => state.score.curve?.result ?? null },
  magnitudes: {
    data: (state) => measured(state, 'magnitudes'),
    title: 'Magnitudes',
    cost: (model) => ({
      words: 'reads the weights of the blocks once',
      bytes: (model?.summary.blocks ?? []).reduce((sum, { bytes }) => sum + bytes, 0),
    }),
  },
  hidden: {
    // They come with a curve, but for one of an older version.
    data: (state) => state.score.curve?.result.hidden ?? measured(state, 'hidden'),
    title: 'Hidden states',
    cost: () => ({ words: 'runs the original once over the windows' }),
    work: passWork,
  },
  taylor: {
    data: (state) => measured(state, 'taylor'),
    title: 'Gradients',
    cost: (_, memory) => ({
      words: 'takes the gradient of the original on the windows',
      ...(memory && { memory }),
    }),
    work: backwardWork,
  },
  file: { data: fileScores },
};

/** Sources in the order of the criteria that need them. */
export const SOURCE_NAMES: readonly SourceName[] = [...new Set(CRITERIA.map(({ needs }) => needs))];

/** Those that a job measures. */
export const MEASURED: readonly MeasuredSource[] = SOURCE_NAMES.filter(isMeasured);
