// Tables that can be taken away: named columns over plain values, as CSV and as rows of JSON. Pure.

export type Cell = string | number | boolean | null;

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

/** Null for what no file can hold: NaN while unknown, an overflow. */
export const finite = (value: number | null | undefined): number | null =>
  value !== null && value !== undefined && Number.isFinite(value) ? value : null;

/** Perplexity of a mean NLL; null when it is unknown or overflows: the NLL is authoritative. */
export const pplOf = (nll: number | null | undefined): number | null =>
  nll === null || nll === undefined ? null : finite(Math.exp(nll));

/**
 * Comma-separated with a header, CRLF, quoted where needed (RFC 4180). Numbers have all their
 * digits; unknown ones are empty.
 */
export function csvOf({ columns, rows }: Table): string {
  const lines = [columns.map(({ name }) => name), ...rows].map((cells) =>
    cells.map(quoted).join(','),
  );
  return `${lines.join('\r\n')}\r\n`;
}

/** One cell of a CSV file. */
export function quoted(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return finite(cell) === null ? '' : String(cell);
  if (typeof cell === 'boolean') return String(cell);
  // Spreadsheets take a text that begins like this for a formula.
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A row as an object by column name. */
export function objectsOf({ columns, rows }: Table): Record<string, Cell>[] {
  return rows.map((cells) =>
    Object.fromEntries(columns.map(({ name }, i) => [name, plain(cells[i] ?? null)])),
  );
}

const plain = (cell: Cell): Cell => (typeof cell === 'number' ? finite(cell) : cell);
