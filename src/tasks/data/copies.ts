// The same rows in several files count once; files of one task that disagree are refused.

import { EspalierError } from '../../errors.ts';
import { taskOf } from '../table.ts';
import type { TaskRow } from '../types.ts';
import { quoted } from './faults.ts';
import type { IgnoredFile } from './file.ts';
import type { ReadRow } from './forms.ts';

/** The rows of a task as one source has them. */
export interface Copy {
  /** null where nothing tells which of `tasks`. */
  task: string | null;
  tasks: readonly string[];
  files: readonly string[];
  rows: readonly ReadRow[];
  /** False where no row has one. */
  hasAnswers: boolean;
  note: string | undefined;
}

interface OneTask {
  task: string;
  files: string[];
  rows: Omit<TaskRow, 'doc'>[];
  note: string | undefined;
}

/**
 * @throws EspalierError `bad-input` naming files that disagree, files without answers, and files of
 *   which nothing tells the task
 */
export function onePerTask(copies: readonly Copy[]): { tasks: OneTask[]; dropped: IgnoredFile[] } {
  const byTask = new Map<string, Copy[]>();
  for (const copy of copies)
    if (copy.task !== null) byTask.set(copy.task, [...(byTask.get(copy.task) ?? []), copy]);
  for (const copy of copies.filter(({ task }) => task === null)) {
    const told = copy.tasks.find((task) =>
      byTask.get(task)?.some((other) => sameRows(other.rows, copy.rows)),
    );
    if (told === undefined) throw cannotTell(copy);
    byTask.get(told)?.push(copy);
  }
  const dropped: IgnoredFile[] = [];
  const tasks = [...byTask].map(([task, all]) => {
    const some = all.filter(({ hasAnswers, rows }) => hasAnswers && rows.length > 0);
    const first = reference(some);
    if (!first) throw withoutAnswers(task, all);
    for (const { files, rows } of all.filter((copy) => !some.includes(copy)))
      for (const file of files)
        dropped.push({ file, why: rows.length === 0 ? 'It has no rows.' : 'It has no answers.' });
    for (const copy of some)
      if (copy !== first && !sameRows(first.rows, copy.rows)) throw disagreement(task, first, copy);
    return {
      task,
      files: some.flatMap(({ files }) => files).sort(),
      rows: first.rows.map((row) => ({ ...row, target: row.target as number })),
      note: noteOf(first),
    };
  });
  return { tasks, dropped };
}

/** The first copy; one whose contexts lack no titles before others. */
const reference = (copies: readonly Copy[]): Copy | undefined =>
  copies.find((copy) => !lacksTitles(copy)) ?? copies[0];

const lacksTitles = ({ rows }: Copy): boolean => rows.some(({ titled }) => titled !== undefined);

const noteOf = (copy: Copy): string | undefined =>
  !lacksTitles(copy)
    ? copy.note
    : [
        copy.note,
        'The passages lack the titles that SuperGLUE puts in front of them: published scores of ' +
          'BoolQ are of passages with titles.',
      ]
        .filter((sentence) => sentence !== undefined)
        .join(' ');

const keyOf = ({ context, continuations, choices, target }: ReadRow): string =>
  JSON.stringify([context, continuations, choices, target]);

/** True for equal rows, in whatever order, and for those that differ by titles alone. */
function sameRows(a: readonly ReadRow[], b: readonly ReadRow[]): boolean {
  if (a.length !== b.length) return false;
  return [b, withTitles(b)].some((rows) => sameList(a.map(keyOf), rows.map(keyOf)));
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  if (a.every((key, k) => key === b[k])) return true;
  const sorted = [...b].sort();
  return [...a].sort().every((key, k) => key === sorted[k]);
}

function disagreement(task: string, a: Copy, b: Copy): EspalierError {
  return new EspalierError(
    'bad-input',
    `${a.files.join(', ')} and ${b.files.join(', ')} both hold ${taskOf(task).label}, but ` +
      `${difference(a.rows, b.rows)}.`,
    'Give only the file whose rows are to be scored.',
  );
}

/** What tells the first list of rows from the second, whatever their orders. */
function difference(a: readonly ReadRow[], b: readonly ReadRow[]): string {
  if (a.length !== b.length) return `the one has ${a.length} rows, the other ${b.length}`;
  const others = a.some(({ titled }) => titled !== undefined) ? b : withTitles(b);
  const left = new Map<string, number>();
  for (const key of others.map(keyOf)) left.set(key, (left.get(key) ?? 0) + 1);
  const at = a.findIndex((row) => {
    const key = keyOf(row);
    left.set(key, (left.get(key) ?? 0) - 1);
    return left.get(key)! < 0;
  });
  const row = a[at] as ReadRow;
  const equal = (other: ReadRow, name: 'context' | 'choices'): boolean =>
    JSON.stringify(other[name]) === JSON.stringify(row[name]);
  const asked = others.filter((other) => equal(other, 'context'));
  const other = asked.find((one) => equal(one, 'choices')) ?? asked[0];
  if (!other) return `row ${at + 1} of the first, ${quoted(row.context)}, is not in the second`;
  const [what, values] = equal(other, 'choices')
    ? ['answers, counted from 1', [row, other].map(({ target }) => Number(target) + 1)]
    : ['choices', [row.choices, other.choices].map(quoted)];
  return (
    `row ${at + 1} of the first and row ${others.indexOf(other) + 1} of the second differ in ` +
    `their ${what}: ${values.join(' and ')}`
  );
}

const withTitles = (rows: readonly ReadRow[]): ReadRow[] =>
  rows.map((row) => ({ ...row, context: row.titled ?? row.context }));

function withoutAnswers(task: string, copies: readonly Copy[]): EspalierError {
  const files = copies.flatMap((copy) => copy.files).join(', ');
  if (copies.every(({ rows }) => rows.length === 0))
    return new EspalierError('bad-input', `${files}: there are no rows.`, 'Choose another file.');
  const { split, label } = taskOf(task);
  const beside =
    task === 'piqa' || task === 'winogrande'
      ? ' together with its file of answers (*-labels.lst), which lies beside it'
      : '';
  return new EspalierError(
    'bad-input',
    `${files}: the rows of ${label} have no answers, as in files whose answers are kept secret.`,
    task === taskOf(task).label
      ? 'Give every row an "answer".'
      : `Give the file of the ${split} split${beside}.`,
  );
}

function cannotTell({ files, tasks }: Copy): EspalierError {
  const labels = tasks.map((task) => taskOf(task).label).join(' or ');
  const names = tasks.map((task) => `"${task}"`).join(' or ');
  return new EspalierError(
    'bad-input',
    `Nothing tells whether ${files.join(', ')} holds ${labels}: their rows have the same form.`,
    `Name the file, or the folder that it is in, after its task: ${names}.`,
  );
}
