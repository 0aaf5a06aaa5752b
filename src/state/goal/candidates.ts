// The plans of k removals that a goal may end with: one-shot by every known order, and by the
// iterative search.

import { riseOf } from '../../analysis/perplexity.ts';
import { sortUnits, type Unit } from '../../units.ts';
import { currentOrder, knownOrders } from '../criteria/orders.ts';
import { derive } from '../memo.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { unlockedBlocks } from '../plan/locks.ts';
import { isOnCurve, measuredPlans } from '../search/measured.ts';
import type { StudioState } from '../state.ts';

export interface Candidate {
  removed: readonly Unit[];
  /** The orders that choose these blocks: "curve", "Block Influence", "iterative search". */
  by: readonly string[];
  /** Rise of perplexity as a share of the original's; null while unknown. */
  rise: number | null;
  /** Id of the healing that the rise is measured with; absent: the weights of the source. */
  healing?: string;
}

/** Most blocks that a goal may remove: unlocked ones, and never all of the model. */
export const mostRemovals = derive(
  (state: StudioState) => [unlockedBlocks(state), numBlocksOf(state)],
  (unlocked, numBlocks): number => Math.max(0, Math.min(unlocked.length, numBlocks - 1)),
);

/** The plan of the last iterative search after k removals, where it may be used; else null. */
export function iterativePlan(state: StudioState, k: number): Unit[] | null {
  const { path } = state.search;
  if (!path || !isOnCurve(state) || k < path.request.start.length) return null;
  const steps = path.steps.slice(0, k - path.request.start.length).map(({ block }) => block);
  const removed = sortUnits([...path.request.start, ...steps]);
  const unlocked = unlockedBlocks(state);
  const isAllowed = removed.every((unit) => typeof unit === 'number' && unlocked.includes(unit));
  return isAllowed && removed.length === k ? removed : null;
}

/** Each plan once, the current order's first. */
export function candidatesOf(state: StudioState, k: number): Candidate[] {
  const unlocked = unlockedBlocks(state);
  const current = currentOrder(state);
  const orders = [...knownOrders(state)].sort(
    (a, b) => Number(b === current) - Number(a === current),
  );
  const plans = orders.map(({ label, take }) => ({
    label,
    removed: sortUnits(take(unlocked, k)),
  }));
  const iterative = iterativePlan(state, k);
  if (iterative) plans.push({ label: 'iterative search', removed: iterative });
  const known = measuredPlans(state);
  const original = known.get('');
  const found = new Map<string, Candidate>();
  for (const { label, removed } of plans) {
    if (removed.length !== k) continue;
    const key = removed.join();
    const nll = known.get(key)?.nll;
    const rise = original && nll !== undefined ? riseOf(original.nll, nll) : null;
    const by = [...(found.get(key)?.by ?? []), label];
    found.set(key, { removed, by, rise });
  }
  return [...found.values()];
}

/** The lowest perplexity; the first plan where none is known. */
export function bestOf(candidates: readonly Candidate[]): Candidate | null {
  const rank = ({ rise }: Candidate) =>
    rise === null || Number.isNaN(rise) ? Number.POSITIVE_INFINITY : rise;
  return candidates.reduce<Candidate | null>(
    (best, one) => (best && rank(best) <= rank(one) ? best : one),
    null,
  );
}
