// What the page knows of variants beyond their numbers: names, kept, hidden and pinned rows.

import { listOf, mapOf, setOf, text } from '../kept/form.ts';
import { joinMaps, joinSets } from '../kept/part.ts';
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
  {
    version: 1,
    isMeasured: false,
    fields: {
      names: { is: mapOf(text), join: joinMaps },
      kept: { is: setOf(text), join: joinSets },
      hidden: { is: setOf(text), join: joinSets },
      pinned: { is: listOf(text) },
    },
    count: ({ names, kept }) => new Set([...(names?.keys() ?? []), ...(kept ?? [])]).size,
  },
);
