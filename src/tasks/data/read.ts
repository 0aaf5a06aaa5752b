// The files of a person as rows of tasks.

import { placeOfTask, TASKS } from '../table.ts';
import type { TaskData } from '../types.ts';
import { type Copy, onePerTask } from './copies.ts';
import type { IgnoredFile, TaskFile } from './file.ts';
import { answersPath } from './names.ts';
import { readSource } from './rows.ts';
import { type Recognised, sniff } from './sniff.ts';
import { sourcesOf } from './sources.ts';
import { chosenSplit } from './splits.ts';
import { taskDataOf } from './taskData.ts';

export type { TaskFile } from './file.ts';

/** What came of files. */
export interface ReadTasks {
  /** In the order of the table; own files after it, by name. */
  tasks: TaskData[];
  ignored: IgnoredFile[];
}

/**
 * The rows of all files that hold some: original releases of the seven tasks, their copies at
 * Hugging Face as JSON lines or Parquet, lists of rows, and own files. The same rows in several
 * files count once; of several splits of a task the one that is scored is taken.
 * @throws EspalierError `bad-input` naming files that disagree, files without answers, a row that
 *   cannot be read, and a file of which nothing tells the task; `too-large` above the limits
 */
export async function readTaskFiles(files: readonly TaskFile[]): Promise<ReadTasks> {
  const ignored: IgnoredFile[] = [];
  const recognised: Recognised[] = [];
  const answers = new Map<string, TaskFile>();
  for (const file of [...files].sort((a, b) => inOrder(a.path, b.path))) {
    if (/\.lst$/i.test(file.path)) {
      answers.set(file.path.toLowerCase(), file);
      continue;
    }
    const found = await sniff(file);
    if (typeof found === 'string') ignored.push({ file: file.path, why: found });
    else recognised.push(found);
  }
  const all = sourcesOf(
    recognised,
    TASKS.map(({ id }) => id),
  );
  const { sources, dropped } = chosenSplit(all);
  ignored.push(...dropped);
  const copies: Copy[] = [];
  const used = new Set<string>();
  for (const source of sources) {
    const path = answersPath(source.parts[0]?.file.path ?? '').toLowerCase();
    const beside = answers.get(path) ?? null;
    if (beside && !source.tasks.includes('own')) used.add(path);
    copies.push(await readSource(source, beside));
  }
  for (const [path, { path: file }] of answers)
    if (!used.has(path))
      ignored.push({
        file,
        why: 'It holds answers, but no file of rows that is read is beside it.',
      });
  const read = onePerTask(copies);
  ignored.push(...read.dropped);
  const tasks: TaskData[] = [];
  for (const { task, rows, files: paths, note } of read.tasks)
    tasks.push(await taskDataOf(task, { files: paths, builtIn: false, note }, rows));
  tasks.sort((a, b) => placeOfTask(a.task) - placeOfTask(b.task) || inOrder(a.task, b.task));
  ignored.sort((a, b) => inOrder(a.file, b.file));
  return { tasks, ignored };
}

/** The same order everywhere, whatever the language of the system. */
function inOrder(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
