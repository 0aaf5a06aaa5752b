// Errors that name the file, and the row of it, that cannot be read.

import { EspalierError } from '../../errors.ts';

/** Where a row stands: a file, and "line 3" or "row 3" of it. */
export interface Place {
  file: string;
  row: string;
}

/** @param problem ends a sentence that begins with the file and the row */
export function rowFault({ file, row }: Place, problem: string): EspalierError {
  return new EspalierError(
    'bad-input',
    `${file}, ${row}: ${problem}.`,
    'Mend this row, or take it out of the file.',
  );
}

/** A value as messages quote it. */
export function quoted(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
