// Scores of tasks as an export records them, without the answers to single rows; and restored ones
// beside those that are known.

import type { TasksRecord } from '../../model/export/provenanceTasks.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';
import type { ScoredTasks } from './forms.ts';
import { tasksResultKey } from './names.ts';
import { MOST_TASK_RESULTS, type TasksSlice } from './state.ts';

/** All runs, newest first; those that were stopped say by their rows how far they came. */
export const tasksRecords = derive(
  (state: StudioState) => [state.tasks.results],
  (results): TasksRecord[] => results.map(recordOf),
);

function recordOf({ result, at }: ScoredTasks): TasksRecord {
  const { variants, tasks, ...rest } = result;
  return {
    ...rest,
    variants: variants.map((variant) => ({ ...variant })),
    tasks: tasks.map(({ source, outcomes, ...task }) => ({
      ...task,
      source: { files: [...source.files], builtIn: source.builtIn },
      outcomes: outcomes
        .filter(({ rows }) => rows > 0)
        .map(({ items, total, ...outcome }) => outcome),
    })),
    at,
  };
}

/** What is known, with restored runs behind it; those that are known are not replaced. */
export function withRestored(
  { shown, results }: Pick<TasksSlice, 'shown' | 'results'>,
  restored: readonly ScoredTasks[],
): Pick<TasksSlice, 'shown' | 'results'> {
  const known = new Set(results.map(({ result }) => tasksResultKey(result)));
  const added = restored.filter(({ result }) => !known.has(tasksResultKey(result)));
  return {
    shown: shown ?? added[0] ?? null,
    results: [...results, ...added].slice(0, MOST_TASK_RESULTS),
  };
}
