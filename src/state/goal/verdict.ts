// How a goal search ended, in words.

import type { Candidate } from '../../analysis/goal.ts';
import { goalWords } from './selectors.ts';
import type { GoalKind } from './state.ts';

export const UNCHANGED = 'The plan is unchanged.';

const bound = (kind: GoalKind) => (kind === 'speed' ? 'at least' : 'at most');

const blocks = (n: number) => `${n} block${n === 1 ? '' : 's'}`;

/** A plan of k removals meets the goal by its measured value. */
export function foundWords(kind: GoalKind, goal: number, k: number, measured: number): string {
  const reached = `${goalWords(kind, measured)} measured`;
  const wanted = `${bound(kind)} ${goalWords(kind, goal)} wanted`;
  return k === 0
    ? `The original meets it already: ${reached}, ${wanted}.`
    : `Found: without ${blocks(k)} ${reached}, ${wanted}.`;
}

/** No plan does; `best` came closest, where one was measured. */
export function impossibleWords(
  kind: GoalKind,
  goal: number,
  best: number | null,
  all: readonly Candidate[],
): string {
  const reached = best === null ? null : all[best]?.measured;
  const closest =
    reached == null || best === null
      ? ''
      : ` The closest is ${goalWords(kind, reached)} without ${blocks(best)}.`;
  const sense = bound(kind);
  return (
    `${sense[0]!.toUpperCase()}${sense.slice(1)} ${goalWords(kind, goal)} cannot be reached by ` +
    `removing at most ${blocks(all.length - 1)}, which is all that locks and model allow.` +
    `${closest} ${UNCHANGED}`
  );
}
