// What the page knows of zero-shot tasks: which rows are loaded, what to run, what runs, what came
// of it, and which rows are being read.

import type {
  LoadedTasks,
  TaskResult,
  TasksEstimate,
  TasksRequest,
  TasksResult,
  TaskVariantKind,
} from '../../contract/comparison/tasks.ts';
import type { Progress } from '../../contract/progress.ts';
import type { TaskRow } from '../../tasks/types.ts';
import { listOf, number, oneOf, orNull, shape, text } from '../kept/form.ts';
import { joinLists } from '../kept/part.ts';
import type { Slice } from '../slice.ts';
import { type ScoredTasks, scoredTasks } from './forms.ts';
import { tasksResultKey } from './names.ts';

/** Rows of each task that are drawn unless all of them are asked for. */
export const SUBSET_ROWS = 200;

/** What is to be run, as chosen. */
export interface TasksForm {
  /** Loaded tasks that are left out. */
  leftOut: readonly string[];
  /** Kinds of variants that are left out; the plan has those that it has. */
  leftOutKinds: readonly TaskVariantKind[];
  /** Rows of each task; null = all. */
  limit: number | null;
  seed: number;
}

/** Which rows are read. */
export interface Reading {
  /** Null: the first task of the result. */
  task: string | null;
  /** Those on which variants answer differently, or all. */
  which: 'different' | 'all';
  /** From 0. */
  page: number;
}

export interface TasksSlice {
  form: TasksForm;
  /** Rows that the engine holds, of whichever model; null before any were given. */
  loaded: LoadedTasks | null;
  /** Files are being read. */
  loading: boolean;
  running: { request: TasksRequest; partial: TasksResult | null; notes: readonly string[] } | null;
  paused: boolean;
  progress: Progress | null;
  /** What a request would run, and of which one; `value` null where it cannot be known. */
  estimate: { key: string; value: TasksEstimate | null } | null;
  /** The last one; of another plan when its variants are not those of the plan. */
  shown: ScoredTasks | null;
  /** All of this model, newest first: one for each set of variants, tasks and rows. */
  results: readonly ScoredTasks[];
  reading: Reading;
  /** Rows that were fetched to be read, by `rowKey`. */
  rows: ReadonlyMap<string, TaskRow>;
}

/** A row by its task's rows and its place in them. */
export const rowKey = ({ sha256 }: Pick<TaskResult, 'sha256'>, doc: number): string =>
  `${sha256} ${doc}`;

const NO_READING: Reading = { task: null, which: 'different', page: 0 };

const first: TasksSlice = {
  form: { leftOut: [], leftOutKinds: [], limit: SUBSET_ROWS, seed: 0 },
  loaded: null,
  loading: false,
  running: null,
  paused: false,
  progress: null,
  estimate: null,
  shown: null,
  results: [],
  reading: NO_READING,
  rows: new Map(),
};

/** Earlier results that are kept. */
export const MOST_TASK_RESULTS = 20;

/** Log-likelihoods that are stored with the results of a model, newest results first. */
const MOST_STORED = 200_000;

const likelihoodsOf = ({ tasks }: TasksResult): number =>
  tasks
    .flatMap(({ outcomes }) => outcomes.flatMap(({ items }) => items))
    .reduce((sum, { choices }) => sum + choices.length, 0);

/** The scores without the answers that they are made of. */
const withoutItems = (one: ScoredTasks): ScoredTasks => ({
  ...one,
  result: {
    ...one.result,
    tasks: one.result.tasks.map((task) => ({
      ...task,
      outcomes: task.outcomes.map((outcome) => ({ ...outcome, items: [] })),
    })),
  },
});

/** Answers are stored as long as there is room: the newest ones. */
function packed(results: readonly ScoredTasks[]): readonly ScoredTasks[] {
  let stored = 0;
  return results.map((one) => {
    stored += likelihoodsOf(one.result);
    return stored <= MOST_STORED ? one : withoutItems(one);
  });
}

export const TASKS: Slice<TasksSlice> = {
  first,
  keep: (slice, opened) =>
    opened === 'same-model'
      ? { ...slice, running: null, paused: false, progress: null }
      : // The rows are the person's, not the model's.
        { ...first, form: slice.form, loaded: slice.loaded, rows: slice.rows },
  kept: {
    version: 1,
    isMeasured: true,
    fields: {
      form: {
        is: shape<TasksForm>({
          leftOut: listOf(text),
          leftOutKinds: listOf(oneOf('original', 'plan', 'healed', 'quantised')),
          limit: orNull(number),
          seed: number,
        }),
      },
      shown: { is: orNull(scoredTasks), pack: (shown) => shown && (packed([shown])[0] ?? null) },
      results: {
        is: listOf(scoredTasks),
        join: joinLists(({ result }) => tasksResultKey(result), true, MOST_TASK_RESULTS),
        pack: packed,
      },
    },
    count: ({ results = [] }) => results.length,
  },
};
