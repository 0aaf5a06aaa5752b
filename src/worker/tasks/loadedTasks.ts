// The rows of tasks that the person has given, of whichever model: kept while the page is open.

import type { LoadedTask, LoadedTasks } from '../../contract/comparison/tasks.ts';
import { EspalierError } from '../../errors.ts';
import { builtInTasks } from '../../tasks/data/builtIn.ts';
import { readTaskFiles, type TaskFile } from '../../tasks/data/read.ts';
import { placeOfTask } from '../../tasks/table.ts';
import type { TaskData, TaskRow } from '../../tasks/types.ts';

type Ignored = LoadedTasks['ignored'];

/** A file as it is read by ranges. */
function fileOf({ name, data }: { name: string; data: Blob }): TaskFile {
  return {
    path: name,
    size: data.size,
    async read(from, to) {
      return new Uint8Array(await data.slice(from, to).arrayBuffer());
    },
  };
}

export class TasksLoaded {
  private readonly held = new Map<string, TaskData>();

  /**
   * Adds all rows of the files, or none.
   * @throws EspalierError as `readTaskFiles`, and `bad-input` for rows that are not those which a
   *   task has already
   */
  async add(files: readonly { name: string; data: Blob }[]): Promise<LoadedTasks> {
    const { tasks, ignored } = await readTaskFiles(files.map(fileOf));
    const added = tasks.map((data) => this.joined(data));
    for (const data of added) this.held.set(data.task, data);
    return this.list(ignored);
  }

  /** The rows that come with Espalier, for the tasks that have none. */
  async addBuiltIn(): Promise<LoadedTasks> {
    for (const data of await builtInTasks())
      if (!this.held.has(data.task)) this.held.set(data.task, data);
    return this.list();
  }

  /** Lets go of one task, or of all. */
  forget(task: string | null): LoadedTasks {
    if (task === null) this.held.clear();
    else this.held.delete(task);
    return this.list();
  }

  /** @throws EspalierError `bad-input` where a task is not loaded */
  get(task: string): TaskData {
    const data = this.held.get(task);
    if (data) return data;
    throw new EspalierError(
      'bad-input',
      `No rows of ${task} are loaded.`,
      'Drop its file on the page, or choose it.',
    );
  }

  rows(task: string, docs: readonly number[]): TaskRow[] {
    const asked = new Set(docs);
    return this.get(task).rows.filter(({ doc }) => asked.has(doc));
  }

  list(ignored: Ignored = []): LoadedTasks {
    const tasks = [...this.held.values()].map(about);
    return { tasks: tasks.sort((a, b) => placeOfTask(a.task) - placeOfTask(b.task)), ignored };
  }

  /** With the files that held the same rows before. */
  private joined(data: TaskData): TaskData {
    const held = this.held.get(data.task);
    if (!held || held.source.builtIn) return data;
    if (held.sha256 !== data.sha256)
      throw new EspalierError(
        'bad-input',
        `${data.source.files.join(' and ')} does not hold the rows of ${data.task} that are ` +
          `loaded from ${held.source.files.join(' and ')}.`,
        `Forget ${data.task} first to use the new file in its place.`,
      );
    const files = [...new Set([...held.source.files, ...data.source.files])];
    return { ...held, source: { ...held.source, files } };
  }
}

/** What the page knows of them. */
export const about = ({ task, source, rows, sha256 }: TaskData): LoadedTask => ({
  task,
  source,
  rows: rows.length,
  sha256,
});
