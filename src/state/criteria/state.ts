// What the page knows of criteria beside each other.

import type { HiddenCriteria, Magnitudes } from '../../contract/criteria.ts';
import type { Progress } from '../../contract/progress.ts';
import { ofModel } from '../slice.ts';

/** A rule that gives every block a score; low = safe to remove. */
export type CriterionName =
  | 'ppl'
  | 'mag-l1'
  | 'mag-l2'
  | 'block-influence'
  | 'angular'
  | 'file-ppl';

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

const first: CriteriaSlice = {
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

export const CRITERIA_SLICE = ofModel<CriteriaSlice>(first, (slice) => ({
  ...slice,
  running: null,
  progress: null,
}));
