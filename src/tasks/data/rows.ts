// Reads all rows of a source.

import { EspalierError } from '../../errors.ts';
import type { Copy } from './copies.ts';
import { rowFault } from './faults.ts';
import type { FileRow } from './fields.ts';
import type { TaskFile } from './file.ts';
import type { ReadRow } from './forms.ts';
import { withAnswers } from './labels.ts';
import type { Source } from './sources.ts';
import { splitNote } from './splits.ts';

/** Most rows of a task; the largest training file has 40,000. */
const MAX_ROWS = 200_000;

/** Most characters of all rows of a task. */
const MAX_CHARS = 256 * 2 ** 20;

/**
 * @param answers the file beside it that has the answers, or null
 * @throws EspalierError `bad-input` naming a row that cannot be read, or that alone has no answer;
 *   `too-large`
 */
export async function readSource(source: Source, answers: TaskFile | null): Promise<Copy> {
  const { parts, tasks } = source;
  const task = source.task ?? tasks[0] ?? '';
  const paths = parts.map(({ file }) => file.path);
  let rows: ReadRow[] = [];
  const places: FileRow['at'][] = [];
  let chars = 0;
  for (const { form, rows: read } of parts)
    for await (const some of read())
      for (const row of some) {
        const made = form.read(row, task);
        chars += charsOf(made);
        rows.push(made);
        places.push(row.at);
        if (rows.length > MAX_ROWS || chars > MAX_CHARS) throw tooLarge(paths);
      }
  const path = paths[0] ?? '';
  if (answers && !tasks.includes('own')) {
    rows = await withAnswers(answers, rows, { path, from: tasks[0] === 'winogrande' ? 1 : 0 });
    paths.push(answers.path);
  }
  const without = rows.findIndex(({ target }) => target === null);
  const hasAnswers = without < 0;
  if (!hasAnswers && rows.some(({ target }) => target !== null))
    throw rowFault(places[without] as FileRow['at'], 'the row has no answer');
  return { task: source.task, tasks, files: paths, rows, hasAnswers, note: splitNote(source) };
}

function charsOf({ context, choices }: ReadRow): number {
  const texts = typeof context === 'string' ? [context] : context;
  return [...texts, ...choices].reduce((sum, text) => sum + text.length, 0);
}

function tooLarge(paths: readonly string[]): EspalierError {
  return new EspalierError(
    'too-large',
    `${paths.join(', ')}: a task may have at most ${MAX_ROWS} rows of ${MAX_CHARS} characters.`,
    'Give a file with fewer rows.',
  );
}
