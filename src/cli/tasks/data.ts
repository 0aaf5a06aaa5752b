// The rows that `tasks` scores: read from the person's files, or those that come with Espalier.

import { EspalierError } from '../../errors.ts';
import { dataFiles, splitNames } from '../../node/dataFiles.ts';
import { builtInTasks } from '../../tasks/data/builtIn.ts';
import { type ReadTasks, readTaskFiles } from '../../tasks/data/read.ts';
import { taskOf } from '../../tasks/table.ts';
import type { TaskData } from '../../tasks/types.ts';
import { didYouMean } from '../nearest.ts';

/** Files that are passed over and named one by one. */
const MOST_NAMED = 5;

interface Asked {
  data: string | undefined;
  /** The rows that come with Espalier, in place of files. */
  builtin: boolean;
  /** Names of tasks with commas between them; undefined for all. */
  tasks: string | undefined;
}

/**
 * The rows that are asked for.
 * @throws EspalierError `missing-file`; `bad-input` for files without rows, files that disagree and
 *   names of tasks that are not there
 */
export async function readData(asked: Asked): Promise<ReadTasks> {
  const read = asked.builtin
    ? { tasks: await builtInTasks(), ignored: [] }
    : await readFiles(splitNames(asked.data ?? ''));
  if (read.tasks.length === 0) throw nothingIn(asked.data ?? '', read.ignored);
  return { ...read, tasks: chosen(read.tasks, asked.tasks) };
}

async function readFiles(names: readonly string[]): Promise<ReadTasks> {
  const { files, close } = await dataFiles(names);
  try {
    return await readTaskFiles(files);
  } finally {
    await close();
  }
}

function nothingIn(data: string, ignored: ReadTasks['ignored']): EspalierError {
  const [first] = ignored;
  const why = first ? ` ${first.file}: ${first.why}` : '';
  return new EspalierError(
    'bad-input',
    `No file of ${data} holds rows of a task.${why}`,
    'Name the files of a task (docs/tasks.md), or a folder with them.',
  );
}

function chosen(tasks: readonly TaskData[], names: string | undefined): TaskData[] {
  if (names === undefined) return [...tasks];
  const known = tasks.map(({ task }) => task);
  const wanted = names.split(',').map((name) => name.trim());
  const missing = wanted.find((name) => !known.includes(name));
  if (missing !== undefined)
    throw new EspalierError(
      'bad-input',
      `There are no rows of "${missing}" in the data.${didYouMean(missing, known)}`,
      `It has: ${known.join(', ')}.`,
    );
  return tasks.filter(({ task }) => wanted.includes(task));
}

/** What was read, in words: a line for each task, and for each of the first files without rows. */
export function dataLines({ tasks, ignored }: ReadTasks): string[] {
  const found = tasks.map(({ task, rows, source }) => {
    const from = source.builtIn
      ? 'built in: they show the feature and are no benchmark'
      : source.files.join(', ');
    return `${taskOf(task).label}: ${rows.length} rows (${from})`;
  });
  const named = ignored.slice(0, MOST_NAMED).map(({ file, why }) => `Ignored ${file}: ${why}`);
  const more = ignored.length - named.length;
  return [...found, ...named, ...(more > 0 ? [`Ignored ${more} more; --json names them.`] : [])];
}
