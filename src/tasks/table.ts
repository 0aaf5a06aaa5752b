// The seven zero-shot tasks by which pruned models are judged: which rows, and which score.

/** Which part of a data set a file holds. */
export type Split = 'train' | 'validation' | 'test';

export interface Task {
  /** As the lm-evaluation-harness names it. */
  id: string;
  label: string;
  /** The rows that are scored: those of the test where its answers are published. */
  split: Split;
  /** What the mean of the seven takes. */
  metric: 'acc' | 'accNorm';
  /** False where the harness has no normalised accuracy. */
  hasAccNorm: boolean;
}

/**
 * In the order of tables.
 * @source EleutherAI, lm-evaluation-harness 0.4 (splits, metrics)
 */
export const TASKS = [
  { id: 'boolq', label: 'BoolQ', split: 'validation', metric: 'acc', hasAccNorm: false },
  { id: 'piqa', label: 'PIQA', split: 'validation', metric: 'acc', hasAccNorm: true },
  { id: 'hellaswag', label: 'HellaSwag', split: 'validation', metric: 'accNorm', hasAccNorm: true },
  { id: 'winogrande', label: 'WinoGrande', split: 'validation', metric: 'acc', hasAccNorm: false },
  { id: 'arc_easy', label: 'ARC-easy', split: 'test', metric: 'acc', hasAccNorm: true },
  {
    id: 'arc_challenge',
    label: 'ARC-challenge',
    split: 'test',
    metric: 'accNorm',
    hasAccNorm: true,
  },
  { id: 'openbookqa', label: 'OpenBookQA', split: 'test', metric: 'accNorm', hasAccNorm: true },
] as const satisfies readonly Task[];

export type TaskId = (typeof TASKS)[number]['id'];

/** The row of the table; an own file is scored by accuracy, and has the normalised one too. */
export function taskOf(id: string): Task {
  return (
    TASKS.find((task) => task.id === id) ?? {
      id,
      label: id,
      split: 'validation',
      metric: 'acc',
      hasAccNorm: true,
    }
  );
}

/** Where a task stands: those of the table in its order, own files behind them. */
export function placeOfTask(task: string): number {
  const at = TASKS.findIndex(({ id }) => id === task);
  return at < 0 ? TASKS.length : at;
}

/** The seven of the table, and no others. */
export const areTheSeven = (tasks: readonly string[]): boolean =>
  tasks.length === TASKS.length && TASKS.every(({ id }) => tasks.includes(id));
