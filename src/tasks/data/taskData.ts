// Rows with their places and their hash.

import { sha256OfText } from '../../text/hash.ts';
import type { TaskData, TaskRow } from '../types.ts';

/** The data of a task: `doc` is the place in the list. */
export async function taskDataOf(
  task: string,
  source: TaskData['source'],
  rows: readonly Omit<TaskRow, 'doc'>[],
): Promise<TaskData> {
  const scored = rows.map(({ context, continuations, choices, target }, doc) => ({
    doc,
    context,
    continuations,
    choices,
    target,
  }));
  const sha256 = await sha256OfText(JSON.stringify(scored));
  return { task, source, rows: scored, sha256 };
}
