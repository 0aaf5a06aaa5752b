// What came from files of other tools, and the name under which they know the original.

import type { PplTable } from '../../model/interop/tables.ts';
import { ofModel } from '../slice.ts';

export interface InteropSlice {
  /** Name or path of the original for other tools, as typed; null = that of the folder. */
  source: string | null;
  /** A block_order.csv: least important first; blocks that always stay may be missing. */
  order: { file: string; blocks: readonly number[] } | null;
  /** An all_ppl_unsorted.csv. */
  table: { file: string; table: PplTable } | null;
}

export const INTEROP = ofModel<InteropSlice>(
  { source: null, order: null, table: null },
  (slice) => slice,
);
