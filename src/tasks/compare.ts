// Two variants of a model on the same rows: differences of their scores with intervals, and means
// over tasks.

import { stratifiedInterval } from '../analysis/bootstrap.ts';
import { mean } from '../analysis/perplexity.ts';
import type { TaskItem, TaskScores } from './types.ts';

export type TaskMetric = 'acc' | 'accNorm';

/** A difference of two scores, with its 95 % interval. */
export interface ScoreDifference {
  value: number;
  ci95: [number, number];
}

/** The answers of several variants to one task, in the order of the variants. */
export interface AnsweredTask {
  metric: TaskMetric;
  /** `variant` is the index of the variant; those that have not answered yet are absent. */
  outcomes: readonly (TaskScores & { variant: number })[];
}

/** The score of a task in a metric, and its standard error; NaN where the task has no such one. */
export const inMetric = (
  scores: Omit<TaskScores, 'items'>,
  metric: TaskMetric,
): { score: number; stderr: number } =>
  metric === 'acc'
    ? { score: scores.acc, stderr: scores.accStderr }
    : { score: scores.accNorm ?? Number.NaN, stderr: scores.accNormStderr ?? Number.NaN };

/**
 * The score of `other` minus that of `first`, over the rows that both have answered, with its 95 %
 * percentile interval by a paired bootstrap over rows; null when they share none.
 * @source Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13; docs/numerics.md
 */
export function difference(
  first: readonly TaskItem[],
  other: readonly TaskItem[],
  metric: TaskMetric,
): ScoreDifference | null {
  const changes = changesOf(first, other, metric);
  return changes.length === 0 ? null : bootstrapped([changes]);
}

/**
 * The plain mean over tasks of each one's score, for each variant; null for a variant that has not
 * answered all of them.
 */
export function means(tasks: readonly AnsweredTask[], variants: number): (number | null)[] {
  return Array.from({ length: variants }, (_, variant) => {
    const scores = tasks.map((task) => answeredBy(task, variant));
    if (scores.length === 0 || scores.some((outcome) => outcome === null)) return null;
    return mean(scores.map((outcome, i) => inMetric(outcome!, tasks[i]!.metric).score));
  });
}

/**
 * Means minus that of the first variant, over the rows that both have answered; the bootstrap draws
 * the rows of each task anew. Null for the first, and where one of the two has not answered a task.
 */
export function meanDifferences(
  tasks: readonly AnsweredTask[],
  variants: number,
): (ScoreDifference | null)[] {
  return Array.from({ length: variants }, (_, variant) => {
    if (variant === 0 || tasks.length === 0) return null;
    const changes = tasks.map((task) => {
      const [first, other] = [answeredBy(task, 0), answeredBy(task, variant)];
      return first && other ? changesOf(first.items, other.items, task.metric) : [];
    });
    return changes.some(({ length }) => length === 0) ? null : bootstrapped(changes);
  });
}

function answeredBy(task: AnsweredTask, variant: number): TaskScores | null {
  const outcome = task.outcomes.find((each) => each.variant === variant);
  return outcome && outcome.rows > 0 ? outcome : null;
}

/** Right minus right, -1, 0 or 1 for each row that both have answered. */
const changesOf = (
  first: readonly TaskItem[],
  other: readonly TaskItem[],
  metric: TaskMetric,
): number[] => pairs(first, other).map(([a, b]) => (b[metric] ?? 0) - (a[metric] ?? 0));

function pairs(first: readonly TaskItem[], other: readonly TaskItem[]): [TaskItem, TaskItem][] {
  const byDoc = new Map(first.map((item) => [item.doc, item]));
  return other.flatMap((item) => {
    const same = byDoc.get(item.doc);
    return same ? [[same, item] as [TaskItem, TaskItem]] : [];
  });
}

/** The mean over tasks of the mean change, with its interval. */
const bootstrapped = (tasks: readonly (readonly number[])[]): ScoreDifference => ({
  value: mean(tasks.map(mean)),
  ci95: stratifiedInterval(tasks),
});
