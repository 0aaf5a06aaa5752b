// What each criterion would remove at once, as many as the plan, and what was measured of it.

import { sortUnits, wholeBlocks } from '../../units.ts';
import { derive } from '../memo.ts';
import { unlockedBlocks } from '../plan/locks.ts';
import { measuredPlans } from '../search/measured.ts';
import type { StudioState } from '../state.ts';
import { knownCriteria } from './selectors.ts';
import type { OrderName } from './state.ts';

/** Blocks that are shown while the plan removes none. */
const USUAL = 3;

export const lowestCount = (state: StudioState): number =>
  wholeBlocks(state.plan.present.removed).length || USUAL;

export interface Lowest {
  /** Least important first; fewer where fewer may go. */
  blocks: readonly number[];
  /** Measured mean NLL without them in nats; null while unknown. */
  nll: number | null;
}

export const lowestOf = derive(
  (state: StudioState) => [
    knownCriteria(state),
    unlockedBlocks(state),
    lowestCount(state),
    measuredPlans(state),
  ],
  (known, free, count, plans): ReadonlyMap<OrderName, Lowest> =>
    new Map(
      known.map(({ name, take }) => {
        const blocks = take(free, count);
        const nll = plans.get(sortUnits(blocks).join())?.nll ?? null;
        return [name, { blocks, nll: blocks.length > 0 ? nll : null }];
      }),
    ),
);

/** Those plans that can be measured and are not yet, each once. */
export const unmeasuredLowest = derive(
  (state: StudioState) => [lowestOf(state), state.score.curve],
  (all, curve): (readonly number[])[] => {
    const plans = new Map<string, readonly number[]>();
    for (const { blocks, nll } of curve ? all.values() : [])
      if (blocks.length > 0 && nll === null) {
        const plan = [...blocks].sort((a, b) => a - b);
        plans.set(plan.join(), plan);
      }
    return [...plans.values()];
  },
);
