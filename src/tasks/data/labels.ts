// Files of answers, one number in each line, that stand beside a file of rows.

import { EspalierError } from '../../errors.ts';
import type { TaskFile } from './file.ts';
import type { ReadRow } from './forms.ts';
import { linesOf } from './lines.ts';

/**
 * Gives rows the answers of a file beside them.
 * @param from the number of the first choice: 0 for PIQA, 1 for WinoGrande
 * @throws EspalierError `bad-input` where the numbers do not fit the rows, or contradict them
 */
export async function withAnswers(
  file: TaskFile,
  rows: readonly ReadRow[],
  { path, from }: { path: string; from: number },
): Promise<ReadRow[]> {
  const refused = (problem: string): EspalierError =>
    new EspalierError(
      'bad-input',
      `${file.path}${problem}.`,
      'Give the answers of this very file.',
    );
  const targets: number[] = [];
  for await (const lines of linesOf(file))
    for (const { number, text } of lines) {
      const target = Number(text) - from;
      const choices = rows[targets.length]?.choices.length ?? 2;
      if (!/^\s*\d+\s*$/.test(text) || target < 0 || target >= choices)
        throw refused(
          `, line ${number}: "${text.slice(0, 40)}" is no number from ${from} to ` +
            `${from + choices - 1}`,
        );
      targets.push(target);
    }
  if (targets.length !== rows.length)
    throw refused(` has ${targets.length} answers, but ${path} has ${rows.length} rows`);
  return rows.map((row, k) => {
    const target = targets[k] as number;
    if (row.target !== null && row.target !== target)
      throw refused(` and ${path} disagree: row ${k + 1} has another answer`);
    return { ...row, target };
  });
}
