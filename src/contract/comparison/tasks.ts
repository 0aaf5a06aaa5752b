// Zero-shot tasks: which rows, of which variants of the model, and what came of it.

import type { TaskRow, TaskScores, TaskSource } from '../../tasks/types.ts';
import type { Unit } from '../../units.ts';
import type { BrowserDeviceKind, UsedDevice } from '../device.ts';
import type { Progress } from '../progress.ts';

export type TaskVariantKind = 'original' | 'plan' | 'healed' | 'quantised';

/** A variant of the open model that answers; the page knows results by their ids. */
export interface TaskVariant {
  kind: TaskVariantKind;
  removed: Unit[];
  /** Id of a healing of this plan. */
  healing?: string | undefined;
  /** Id of a quantisation of this plan and healing. */
  quantised?: string | undefined;
}

/** A task whose rows are loaded. */
export interface LoadedTask {
  task: string;
  source: TaskSource;
  rows: number;
  /** Of its rows as they are scored. */
  sha256: string;
}

/** What came of files that were dropped. */
export interface LoadedTasks {
  /** Everything that is loaded now, in the order of the table; own files after it. */
  tasks: LoadedTask[];
  /** Files that hold no rows of a task, with the reason as a sentence. */
  ignored: { file: string; why: string }[];
}

export interface TasksRequest {
  /** Names of loaded tasks. */
  tasks: string[];
  /** The original first, if at all. */
  variants: TaskVariant[];
  /** Rows of each task, drawn by `seed` without replacement; null = all. */
  limit: number | null;
  seed: number;
  device: 'auto' | BrowserDeviceKind;
  budgetBytes?: number | undefined;
}

/** One variant's answers to one task. */
export interface TaskOutcome extends TaskScores {
  /** Index into `variants` of the result. */
  variant: number;
  /**
   * This variant minus the first one of the result, in the task's own metric, with its 95 %
   * interval by a paired bootstrap over rows; null for the first.
   */
  difference: { value: number; ci95: [number, number] } | null;
}

export interface TaskResult extends LoadedTask {
  /** What the mean takes of it. */
  metric: 'acc' | 'accNorm';
  outcomes: TaskOutcome[];
}

export interface TasksResult {
  variants: TaskVariant[];
  tasks: TaskResult[];
  /**
   * Plain mean over tasks of each one's metric, one for each variant; null while a variant has not
   * answered all tasks.
   */
  means: (number | null)[];
  /** Means minus the first one's, interval by a bootstrap over the rows of each task. */
  meanDifferences: ({ value: number; ci95: [number, number] } | null)[];
  settings: { limit: number | null; seed: number; maxLength: number; addsBos: boolean };
  /** Tokens that ran, and those that would have run had no prefix been shared. */
  tokens: { run: number; unshared: number };
  device: UsedDevice;
  /** Truncated rows, a model without numbers; sentences. */
  warnings: string[];
  seconds: number;
}

/** What a request would run. */
export interface TasksEstimate {
  /** Rows of all tasks together, as drawn. */
  rows: number;
  /** Sequences: rows times choices. */
  sequences: number;
  /** For one variant; `predicted`: of the continuations. */
  tokens: { run: number; unshared: number; predicted: number };
}

export type TasksEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  /** The scores over the rows so far. */
  | { type: 'partial'; result: TasksResult };

/** Calls of the studio worker. */
export interface TasksApi {
  /**
   * Adds the rows of files to what is loaded; a task that is given again takes the place of the
   * built-in one. @throws EspalierError `bad-input` naming files that disagree, or a row that
   * cannot be read
   */
  loadTasks(files: { name: string; data: Blob }[]): Promise<LoadedTasks>;
  /** The small set that comes with the page. */
  loadBuiltInTasks(): Promise<LoadedTasks>;
  /** Lets go of the rows of a task, or of all. */
  forgetTasks(task: string | null): Promise<LoadedTasks>;
  /** Rows to be read by a person. @throws EspalierError `bad-input` where they are not loaded */
  taskRows(task: string, docs: readonly number[]): Promise<TaskRow[]>;
  /**
   * How many tokens a request runs: counted on some rows of each task, and scaled. Needs no
   * session: it may run beside a job.
   * @throws EspalierError `tokenizer`; `bad-input` for tasks that are not loaded; `cancelled` by a
   *   newer call
   */
  estimateTasks(request: TasksRequest): Promise<TasksEstimate>;
  /**
   * Scores the rows with every variant; when it is cancelled, events have reported the partial
   * result. @throws EspalierError as `evaluate`
   */
  scoreTasks(request: TasksRequest, onEvent: (event: TasksEvent) => void): Promise<TasksResult>;
}
