// How a goal search ended, in words.

import type { Outcome } from './search.ts';
import { goalWords } from './selectors.ts';
import type { GoalKind } from './state.ts';

export const UNCHANGED = 'The plan is unchanged.';

const bound = (kind: GoalKind) => (kind === 'speed' ? 'at least' : 'at most');

const blocks = (n: number) => `${n} block${n === 1 ? '' : 's'}`;

export function outcomeWords(kind: GoalKind, goal: number, { met, k, all }: Outcome): string {
  const wanted = `${bound(kind)} ${goalWords(kind, goal)}`;
  const reached = k === null ? null : (all[k]?.measured ?? null);
  const value = reached === null ? '' : goalWords(kind, reached);
  if (met && k === 0) return `The original already meets the goal: ${value} measured.`;
  if (met) return `Found: ${value} measured without ${blocks(k)}; the goal is ${wanted}.`;
  const closest =
    k === null || reached === null ? '' : ` The closest is ${value} without ${blocks(k)}.`;
  return (
    `${wanted[0]!.toUpperCase()}${wanted.slice(1)} cannot be reached: at most ` +
    `${blocks(all.length - 1)} can be removed.${closest} ${UNCHANGED}`
  );
}
