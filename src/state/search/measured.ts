// Every plan whose perplexity is known on the windows of the curve, and the best of equal size.

import { inBrowser } from '../../contract/device.ts';
import { blockOf, sortUnits, type Unit } from '../../units.ts';
import { type KnownOrder, knownOrders } from '../criteria/orders.ts';
import { derive } from '../memo.ts';
import { unlockedBlocks } from '../plan/locks.ts';
import { countSublayers } from '../plan/unitWords.ts';
import { noNumbers } from '../score/selectors.ts';
import type { StudioState } from '../state.ts';
import { sameWindows } from '../sublayers/selectors.ts';
import type { PathName } from './state.ts';

/** Blocks that a plan removes; a sublayer alone counts half. */
export const countBlocks = (removed: readonly Unit[]) => countSublayers(removed) / 2;

/**
 * True when search and curve are of the same windows on the same kind of device, so that their
 * perplexities can be compared.
 */
export const isOnCurve = derive(
  (state: StudioState) => [state.search.path, state.score.curve],
  (path, curve): boolean => {
    if (
      !path ||
      !curve ||
      (path.device && inBrowser(path.device.kind) !== inBrowser(curve.result.device.kind))
    )
      return false;
    return path.windows
      ? sameWindows(path.windows, curve.result.windows)
      : path.settingsKey === curve.settingsKey;
  },
);

export interface MeasuredPlan {
  removed: readonly Unit[];
  /** Mean NLL in nats on the windows of the curve. */
  nll: number;
}

/** By the units that are removed, joined; the original is ''. Empty while there is no curve. */
export const measuredPlans = derive(
  (state: StudioState) => [
    state.score.curve,
    state.effect.known,
    state.search.measured,
    isOnCurve(state) ? state.search.path : null,
  ],
  (curve, known, measured, path): ReadonlyMap<string, MeasuredPlan> => {
    const plans = new Map<string, MeasuredPlan>();
    if (!curve) return plans;
    const add = (removed: readonly Unit[], nll: number) =>
      plans.set(removed.join(), { removed, nll });
    add([], curve.result.baseline.nll);
    for (const block of curve.result.blocks) if (!block.refused) add([block.index], block.nll);
    // Orders and searches choose blocks: what a healing or few bits do comes after.
    for (const results of [known, measured])
      for (const [key, { removed, healing, quantised, nll }] of results) {
        const asItIs = healing === undefined && quantised === undefined;
        if (asItIs && key.startsWith(`${curve.id}|`)) add(sortUnits(removed), nll);
      }
    const units = [...(path?.request.start ?? [])];
    if (path?.baseline) add(sortUnits(units), path.baseline.nll);
    for (const { block, measure } of path?.steps ?? []) {
      units.push(block);
      add(sortUnits(units), measure.nll);
    }
    return plans;
  },
);

/** A measured plan among those that remove as much. */
export interface Candidate extends MeasuredPlan {
  /** What proposes it: orders and the iterative search; empty for a plan that someone made. */
  by: readonly { name: PathName; label: string }[];
}

/**
 * Measured plans by the number of blocks that they remove, lowest perplexity first. Plans that
 * remove a locked block do not count.
 */
const candidates = derive(
  (state: StudioState) => [
    measuredPlans(state),
    knownOrders(state),
    unlockedBlocks(state),
    isOnCurve(state) ? state.search.path : null,
  ],
  (plans, orders, unlocked, path): ReadonlyMap<number, readonly Candidate[]> => {
    const searched = new Set<string>();
    const units = [...(path?.request.start ?? [])];
    for (const { block } of path?.steps ?? []) {
      units.push(block);
      searched.add(sortUnits(units).join());
    }
    const byCount = new Map<number, Candidate[]>();
    for (const { removed, nll } of plans.values()) {
      const count = countBlocks(removed);
      const blocks = removed.map(blockOf);
      if (count === 0 || blocks.some((block) => !unlocked.includes(block))) continue;
      const by = orders
        .filter((order) => proposes(order, unlocked, removed))
        .map(({ name, label }): Candidate['by'][number] => ({ name, label }));
      if (searched.has(removed.join())) by.push({ name: 'iterative', label: 'iterative' });
      byCount.set(count, [...(byCount.get(count) ?? []), { removed, nll, by }]);
    }
    for (const list of byCount.values()) list.sort((a, b) => a.nll - b.nll);
    return byCount;
  },
);

function proposes({ take }: KnownOrder, unlocked: readonly number[], removed: readonly Unit[]) {
  const taken = take(unlocked, removed.length);
  return taken.length === removed.length && sortUnits(taken).join() === removed.join();
}

const NONE: readonly Candidate[] = [];

/** All that was measured with k blocks removed, lowest perplexity first. */
export const measuredAt = (state: StudioState, k: number): readonly Candidate[] =>
  candidates(state).get(k) ?? NONE;

/** The plan of k removed blocks with the lowest measured perplexity; null when there is none. */
export const bestAt = (state: StudioState, k: number): Candidate | null =>
  measuredAt(state, k)[0] ?? null;

/**
 * The number of removed blocks at which orders can be compared: that of the plan, else the highest
 * at which two plans are measured; null where there is none, and where the original gives no
 * numbers to compare them with.
 */
export function comparedCount(state: StudioState): number | null {
  if (noNumbers(state)) return null;
  const isComparable = (k: number) => measuredAt(state, k).length > 1;
  const present = countBlocks(state.plan.present.removed);
  // One block less is the curve itself, which compares nothing.
  if (present > 1 && isComparable(present)) return present;
  const counts = [...candidates(state).keys()].filter((k) => k > 1 && isComparable(k));
  return counts.length > 0 ? Math.max(...counts) : null;
}
