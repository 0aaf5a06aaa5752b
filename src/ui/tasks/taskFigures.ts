// Scores of tasks as people read them: percent with one digit behind the point.

import type { TaskOutcome } from '../../contract/comparison/tasks.ts';
import { TASK_RESULT } from '../../words/comparison/tasks.ts';
import { signedPoints } from '../../words/variants.ts';

const points = (share: number): string => signedPoints(100 * share);
const percent = (share: number): string => (100 * share).toFixed(1);

/** "54.2 ± 3.5": percent, with the standard error; '–' where there is none. */
export function scoreWords(score: number | null, stderr: number | null): string {
  if (score === null || Number.isNaN(score)) return '–';
  return stderr === null || Number.isNaN(stderr)
    ? percent(score)
    : `${percent(score)} ± ${percent(stderr)}`;
}

/**
 * "−3.0 (−8.0 to +2.0)". Where both variants are right and wrong on the same rows, a bootstrap has
 * no width, which is no certainty: that is said in words.
 */
export function differenceWords({
  value,
  ci95: [low, high],
}: NonNullable<TaskOutcome['difference']>): string {
  if (value === 0 && low === 0 && high === 0) return `${points(0)}, ${TASK_RESULT.allAlike}`;
  return `${points(value)} (${points(low)} to ${points(high)})`;
}
