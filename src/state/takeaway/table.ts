// Tables that can be taken away: named columns over plain values, and as rows of JSON. Pure.

import { type Cell, finite } from '../../csv.ts';

/** How people read a value; files have it as it is. `nll` is read as a perplexity. */
export type Kind =
  | 'text'
  | 'count'
  | 'nll'
  | 'score'
  | 'number'
  | 'rate'
  | 'seconds'
  | 'bytes'
  | 'gain'
  | 'share'
  /** A difference of shares, read in percentage points. */
  | 'points'
  | 'flag';

export interface Column {
  /** In files, with its unit: "nll_nats". */
  name: string;
  /** In the report; columns without are in files only. */
  head?: string;
  kind: Kind;
}

export interface Table {
  columns: readonly Column[];
  /** As many cells as there are columns; null while unknown. */
  rows: readonly (readonly Cell[])[];
}

/** Perplexity of a mean NLL; null when it is unknown or overflows: the NLL is authoritative. */
export const pplOf = (nll: number | null | undefined): number | null =>
  nll === null || nll === undefined ? null : finite(Math.exp(nll));

/** A row as an object by column name. */
export function objectsOf({ columns, rows }: Table): Record<string, Cell>[] {
  return rows.map((cells) =>
    Object.fromEntries(columns.map(({ name }, i) => [name, plain(cells[i] ?? null)])),
  );
}

const plain = (cell: Cell): Cell => (typeof cell === 'number' ? finite(cell) : cell);
