// Keys and names of variants that answer tasks, and of what came of them.

import type {
  LoadedTask,
  TasksRequest,
  TasksResult,
  TaskVariant,
} from '../../contract/comparison/tasks.ts';
import { taskOf } from '../../tasks/table.ts';
import { variantKey } from '../variants/names.ts';

/** The variant as the table of variants knows it. */
export const keyOfVariant = ({ removed, healing, quantised }: TaskVariant): string =>
  variantKey(removed, healing, quantised);

const dataKey = (tasks: readonly Pick<LoadedTask, 'task' | 'sha256'>[]): string[] =>
  tasks.map(({ task, sha256 }) => `${task} ${sha256}`);

/** What makes two results of the same thing: variants, rows, subset. */
export function tasksResultKey({ variants, tasks, settings }: TasksResult): string {
  const { limit, seed } = settings;
  return JSON.stringify([
    variants.map(keyOfVariant),
    dataKey(tasks),
    limit,
    limit === null ? null : seed,
  ]);
}

/** A request as a key: equal keys, equal results. Device and budget decide how, not what. */
export function tasksKey(request: TasksRequest, data: readonly LoadedTask[]): string {
  const { variants, tasks, limit, seed } = request;
  const asked = data.filter(({ task }) => tasks.includes(task));
  return JSON.stringify([
    variants.map(keyOfVariant),
    dataKey(asked),
    limit,
    limit === null ? null : seed,
  ]);
}

/** Rows that were answered, over all tasks and variants. */
export const answeredRows = ({ tasks }: TasksResult): number =>
  tasks.flatMap(({ outcomes }) => outcomes).reduce((sum, { rows }) => sum + rows, 0);

/** "BoolQ"; an own file by its name. */
export const taskLabel = (task: string): string => taskOf(task).label;
