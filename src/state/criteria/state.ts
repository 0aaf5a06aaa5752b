// What the page knows of criteria beside each other, and of the study of how stable an order is.
// Types and the first state only.

import type { HiddenCriteria, Magnitudes } from '../../contract/criteria.ts';
import type { Progress } from '../../contract/progress.ts';
import type { ScoreResult } from '../../contract/score.ts';

/** A rule that gives every block a score; low = safe to remove. */
export type CriterionName =
  | 'ppl'
  | 'mag-l1'
  | 'mag-l2'
  | 'block-influence'
  | 'angular'
  | 'file-ppl';

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
  running: 'magnitudes' | 'hidden' | null;
  progress: Progress | null;
  /** Someone asked to see the criteria beside each other. */
  compared: boolean;
  magnitudes: Magnitudes | null;
  /**
   * Measured apart from a curve, for one that came without; `curve` is its id, null when there was
   * none.
   */
  hidden: { curve: number | null; values: HiddenCriteria } | null;
  /** Drawn, in the chart of criteria and as one-shot paths. */
  shown: readonly CriterionName[];
  /** Ranks of all that are shown, or one criterion on its own axis. */
  view: 'ranks' | CriterionName;
  /** Magnitudes count the norm vectors too. */
  norms: boolean;
  /** Contiguous blocks n of the angular distance. */
  span: number;
  /** Name of the order that "drop the lowest" takes, while it is known. */
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
  magnitudes: null,
  hidden: null,
  shown: ['ppl', 'mag-l1', 'mag-l2', 'block-influence', 'angular', 'file-ppl'],
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
