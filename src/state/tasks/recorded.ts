// Scores of tasks as an espalier.json has them, read back.

import type { TasksResult } from '../../contract/comparison/tasks.ts';
import type { TasksRecord } from '../../model/export/provenanceTasks.ts';
import type { ScoredTasks } from './forms.ts';

/** A run, without the answers to single rows. */
export function scoredOf({ at, tasks, ...rest }: TasksRecord): ScoredTasks {
  const result: TasksResult = {
    ...rest,
    tasks: tasks.map((task) => ({
      ...task,
      outcomes: task.outcomes.map((outcome) => ({ ...outcome, total: task.rows, items: [] })),
    })),
  };
  return { result, whole: isWhole(result), notes: [], at };
}

/** True when all variants have answered all rows that were asked for. */
const isWhole = ({ variants, tasks, settings: { limit } }: TasksResult): boolean =>
  tasks.every(
    ({ rows, outcomes }) =>
      outcomes.length === variants.length &&
      outcomes.every((outcome) => outcome.rows === Math.min(limit ?? rows, rows)),
  );
