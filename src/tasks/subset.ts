// A part of the rows of a task, drawn at random: the same rows for the same seed.

import { xoshiro128 } from '../analysis/random.ts';
import type { TaskData, TaskRow } from './types.ts';

/**
 * `limit` rows drawn without replacement, in the order of the file; all of them where there are
 * no more, or where `limit` is null. Fewer rows of the same seed are among the more.
 * @param seed any integer, of which the low 32 bits count
 */
export function chosenRows(data: TaskData, limit: number | null, seed: number): TaskRow[] {
  const { rows } = data;
  if (limit === null || limit >= rows.length) return [...rows];
  const random = xoshiro128(seed);
  const order = rows.map((_, index) => index);
  for (let k = 0; k < limit; k++) {
    const pick = k + Math.floor((random() / 2 ** 32) * (order.length - k));
    [order[k], order[pick]] = [order[pick] as number, order[k] as number];
  }
  return order
    .slice(0, limit)
    .sort((a, b) => a - b)
    .map((index) => rows[index] as TaskRow);
}
