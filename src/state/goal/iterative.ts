// When the iterative search pays for a goal, and what it would be asked for.

import type { SearchRequest } from '../../contract/search.ts';
import { STEPS } from '../../words/goal.ts';
import { curveSettings } from '../keys.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { unlockedBlocks } from '../plan/locks.ts';
import { isOnCurve } from '../search/measured.ts';
import type { StudioState } from '../state.ts';
import { iterativePlan, mostRemovals } from './candidates.ts';
import { isExact } from './target.ts';

/** Longer searches are left to the person, in seconds. Ours. */
export const CHEAP_SECONDS = 120;

/** Without a bound, a rise of perplexity above which a search is worth its time. Ours. */
const MUCH = 0.1;

/**
 * Seconds for k steps from the original at most, from those of the curve: scoring n of N blocks
 * costs n(n+1) / (N(N+1)) of it. Null for a curve from a file.
 */
export function iterativeSeconds(state: StudioState, k: number): number | null {
  const { curve } = state.score;
  if (!curve || curve.restored) return null;
  const all = numBlocksOf(state);
  let share = 0;
  for (let n = all; n > all - k; n--) share += (n * (n + 1)) / (all * (all + 1));
  return share * curve.result.seconds;
}

/** A search for k blocks that would pay: why, and how long; null where it would not. */
export function iterativeCase(
  state: StudioState,
  k: number,
  rise: number,
): { why: string; seconds: number | null; isCheap: boolean } | null {
  const { maxRise } = state.goal;
  // The first step is the curve's own order.
  if (k < 2 || iterativePlan(state, k) !== null || hasEndedShort(state)) return null;
  if (rise <= (maxRise === null ? MUCH : maxRise / 2)) return null;
  const seconds = iterativeSeconds(state, iterativeRequest(state, k).count);
  return {
    why: STEPS.whyBound(rise),
    seconds,
    isCheap: seconds !== null && seconds <= CHEAP_SECONDS,
  };
}

/** From the original; it ends before perplexity passes the bound. */
export function iterativeRequest(state: StudioState, k: number): SearchRequest {
  return {
    settings: curveSettings(state),
    start: [],
    locked: lockedOf(state),
    // A measured goal may turn out to need one block more.
    count: isExact(state.goal.kind) ? k : Math.min(k + 1, mostRemovals(state)),
    maxPpl: boundOf(state),
  };
}

function lockedOf(state: StudioState): number[] {
  const unlocked = unlockedBlocks(state);
  const all = Array.from({ length: numBlocksOf(state) }, (_, block) => block);
  return all.filter((block) => !unlocked.includes(block));
}

/** The perplexity that must not be passed. */
function boundOf({ goal, score }: StudioState): number | null {
  const baseline = score.curve?.result.baseline.nll;
  return goal.maxRise === null || baseline === undefined
    ? null
    : Math.exp(baseline) * (1 + goal.maxRise);
}

/** The same search has reached the bound before: another would end at the same step. */
function hasEndedShort(state: StudioState): boolean {
  const { path } = state.search;
  const bound = boundOf(state);
  if (path?.ended !== 'bound' || !isOnCurve(state) || bound === null) return false;
  const { start, locked, maxPpl } = path.request;
  return (
    start.length === 0 &&
    locked.join() === lockedOf(state).join() &&
    maxPpl !== null &&
    maxPpl >= bound
  );
}
