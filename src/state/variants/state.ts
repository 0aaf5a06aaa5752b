// What the page knows of variants beyond their numbers: names, kept, hidden and pinned rows.

import { ofModel } from '../slice.ts';

export interface VariantsSlice {
  /** Names given by hand, by plan (its removed units joined by commas). */
  names: ReadonlyMap<string, string>;
  /** Plans kept as rows although nothing is measured yet. */
  kept: ReadonlySet<string>;
  /** Plans that are not listed. */
  hidden: ReadonlySet<string>;
  /** Plans that are compared: the last two that were pinned. */
  pinned: readonly string[];
}

export const VARIANTS = ofModel<VariantsSlice>(
  { names: new Map(), kept: new Set(), hidden: new Set(), pinned: [] },
  (slice) => slice,
);
