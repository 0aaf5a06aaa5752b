// Tables of plain values as CSV.

export type Cell = string | number | boolean | null;

/** Null for what no file can hold: NaN while unknown, an overflow. */
export const finite = (value: number | null | undefined): number | null =>
  value !== null && value !== undefined && Number.isFinite(value) ? value : null;

/**
 * Comma-separated with a header, CRLF, quoted where needed (RFC 4180). Numbers have all their
 * digits; unknown ones are empty.
 */
export function csvOf(table: {
  readonly columns: readonly { name: string }[];
  readonly rows: readonly (readonly Cell[])[];
}): string {
  const lines = [table.columns.map(({ name }) => name), ...table.rows].map((cells) =>
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
