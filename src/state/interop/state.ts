// What came from files of other tools, and what they are told. Types and the first state only.

import type { PplTable } from '../../model/interop/tables.ts';

export interface InteropSlice {
  /** Name or path of the original for other tools, as typed; null = that of the folder. */
  source: string | null;
  /** A block_order.csv: least important first; protected blocks may be missing. */
  order: { file: string; blocks: readonly number[] } | null;
  /** An all_ppl_unsorted.csv. */
  table: { file: string; table: PplTable } | null;
}

export const NO_INTEROP: InteropSlice = { source: null, order: null, table: null };
