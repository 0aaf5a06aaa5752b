// The depth plan that width is held against, and depth plans of other sizes beside it.

import { weightsOf } from '../../model/open/size.ts';
import { sortUnits, type Unit } from '../../units.ts';
import { droppable, oneShot } from '../criteria/orders.ts';
import { derive } from '../memo.ts';
import { modelOf, numBlocksOf } from '../open/selectors.ts';
import { countBlocks } from '../search/measured.ts';
import type { StudioState } from '../state.ts';
import type { ComparedDepth } from './state.ts';

/** Share of the blocks that go where no plan says how many: about that of the published models. */
const USUAL_SHARE = 0.2;

/** Plans of other sizes that are measured besides, at most. */
const MOST_PLANS = 6;

/** Blocks that go where no plan says how many. */
export const usualBlocks = (state: StudioState): number =>
  Math.max(1, Math.round(USUAL_SHARE * numBlocksOf(state)));

/** The current plan or, where it removes nothing, the lowest of the order; null without either. */
export const depthOfNow = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    usualPlan(state),
    planOfOrder(state, countBlocks(state.plan.present.removed)),
  ],
  (model, present, usual, ordered): ComparedDepth | null => {
    if (!model) return null;
    const from = present.length > 0 ? 'plan' : 'order';
    const removed = from === 'plan' ? present : usual;
    if (removed.length === 0) return null;
    const isOnOrder = from === 'order' || removed.join() === ordered;
    return { removed, from, isOnOrder, removedWeights: weightsOf(model.summary, removed) };
  },
);

/** The blocks that the current order removes, joined; '' for parts of blocks. */
const planOfOrder = (state: StudioState, count: number): string =>
  Number.isInteger(count) ? oneShot(state, Math.min(count, droppable(state))).join() : '';

const usualPlan = derive(
  (state: StudioState) => [planOfOrder(state, usualBlocks(state))],
  (blocks: string): readonly Unit[] => (blocks === '' ? [] : blocks.split(',').map(Number)),
);

/**
 * The plan `depth` and plans of the current order of sizes up to a little beyond it, which are the
 * line of depth in the charts. Each once, that of the comparison first.
 */
export function depthLadder(state: StudioState, depth: readonly Unit[]): Unit[][] {
  const most = Math.min(Math.ceil(countBlocks(depth)) + 2, droppable(state));
  const every = Math.max(1, Math.ceil(most / MOST_PLANS));
  const plans = new Map<string, Unit[]>([[depth.join(), sortUnits(depth)]]);
  for (let k = most; k > 0; k -= every) {
    const blocks = oneShot(state, k);
    plans.set(blocks.join(), blocks);
  }
  return [...plans.values()];
}
