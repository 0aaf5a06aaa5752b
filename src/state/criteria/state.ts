// What the page knows of criteria beside each other, and of the study of how stable an order is.
// Types and the first state only.

import { CRITERIA, type CriterionName, type MeasuredSource } from '../../analysis/criteriaTable.ts';
import type { SourceResult } from '../../contract/criteria.ts';
import type { Progress } from '../../contract/progress.ts';
import type { ScoreResult } from '../../contract/score.ts';

/** A source, measured, as far as it is known; a row for each. */
type MeasuredSources = {
  readonly [S in MeasuredSource]?: {
    /** Id of the curve on whose windows it was measured; null when there was none. */
    curve: number | null;
    result: SourceResult<S>;
  };
};

/** What orders blocks: a criterion, or an order that another tool wrote. */
export type OrderName = CriterionName | 'file-order';

/** What a calibration study is to run: every size with every seed on every text. */
export interface StudyForm {
  /** Numbers of windows. */
  sizes: readonly number[];
  /** How many seeds, from 0 on. */
  seeds: number;
  bundled: boolean;
  /** The text that someone gave, where there is one. */
  own: boolean;
}

/** One run of a calibration study. */
export interface StudyRunResult {
  /** Key of its settings. */
  key: string;
  /** "50 windows, seed 1, bundled text". */
  label: string;
  result: Pick<ScoreResult, 'blocks' | 'order' | 'settings' | 'seconds'>;
}

export interface CriteriaSlice {
  /** The source that is being measured. */
  running: MeasuredSource | null;
  progress: Progress | null;
  /** Someone asked to see the criteria beside each other. */
  compared: boolean;
  /** Sources of criteria that were measured; hidden states may also have come with the curve. */
  measured: MeasuredSources;
  /** Drawn, in the chart of criteria and as one-shot paths. */
  shown: readonly CriterionName[];
  /** Ranks of all that are shown, or one criterion on its own axis. */
  view: 'ranks' | CriterionName;
  /** Magnitude includes norm weights. */
  norms: boolean;
  /** Contiguous blocks n of the angular distance. */
  span: number;
  /** Name of the order by which the lowest blocks are removed, while it is known. */
  orderBy: string;
}

export interface StabilitySlice {
  form: StudyForm;
  /** The run that goes on, from 0 on, of how many. */
  running: { at: number; of: number; label: string } | null;
  /** Of that run; seconds left are those of the whole study. */
  progress: Progress | null;
  runs: readonly StudyRunResult[];
  /** Blocks that are counted as the lowest; null = as many as the plan removes. */
  k: number | null;
}

export const NO_CRITERIA: CriteriaSlice = {
  running: null,
  progress: null,
  compared: false,
  measured: {},
  shown: CRITERIA.map(({ name }) => name),
  view: 'ranks',
  norms: false,
  span: 1,
  orderBy: 'ppl',
};
export const NO_STABILITY: StabilitySlice = {
  form: { sizes: [10], seeds: 3, bundled: true, own: true },
  running: null,
  progress: null,
  runs: [],
  k: null,
};
