// The plan in words, and whether it follows an order.

import type { ModelSummary } from '../../model/open/summary.ts';
import { unitObstacle, withoutLenders } from '../../model/structure/removable.ts';
import { blocksLeft, sublayerUnits, type Unit } from '../../units.ts';
import { currentOrder } from '../criteria/orders.ts';
import { derive } from '../memo.ts';
import type { OpenModel } from '../open/state.ts';
import type { StudioState } from '../state.ts';
import { lowestSublayers } from '../sublayers/selectors.ts';
import { unlockedBlocks } from './locks.ts';
import { countSublayers } from './unitWords.ts';

/** What a plan keeps: "12 of 16", "15 of 16 (2 in part)", "15 of 16 blocks (2 in part)". */
export function keptWords(
  { summary: { numBlocks } }: OpenModel,
  removed: readonly Unit[],
  noun = '',
): string {
  const sublayers = sublayerUnits(removed).length;
  return (
    `${blocksLeft(numBlocks, removed)} of ` +
    `${numBlocks}${noun && ` ${noun}`}${sublayers > 0 ? ` (${sublayers} in part)` : ''}`
  );
}

/** "12 of 16 kept", "15 of 16 kept, edited by hand"; '' while no model is open. */
export function countWords(state: StudioState): string {
  const { current } = state.model;
  if (!current) return '';
  const own = isOwnChoice(state) ? ', edited by hand' : '';
  return `${keptWords(current, state.plan.present.removed)} kept${own}`;
}

/**
 * True when the plan is not simply the k lowest that can be removed, by the current order or of the
 * sublayers.
 */
export const isOwnChoice = derive(
  (state: StudioState) => [
    currentOrder(state),
    unlockedBlocks(state),
    state.plan.present.removed,
    lowestSublayers(state, countSublayers(state.plan.present.removed)).join(),
  ],
  (order, unlocked, removed, lowestOfSublayers): boolean => {
    if (!order || removed.length === 0 || lowestOfSublayers === removed.join()) return false;
    const lowest = order.take(unlocked, removed.length);
    return (
      lowest.length < removed.length ||
      removed.some((unit) => typeof unit !== 'number' || !lowest.includes(unit))
    );
  },
);

/** The plan of an address, as far as the model can lose it; none when no block would be left. */
export function planFor(blocks: ModelSummary['blocks'], wanted: readonly Unit[]): Unit[] {
  const units = removableUnits(blocks, wanted);
  return blocksLeft(blocks.length, units) > 0 ? units : [];
}

/**
 * Those of the units that can be removed from a model of these blocks, in a plan that removes all
 * of them unless told otherwise.
 */
export function removableUnits<U extends Unit>(
  blocks: ModelSummary['blocks'],
  units: readonly U[],
  plan: readonly Unit[] = units,
): U[] {
  const possible = withoutLenders(blocks, plan);
  return units.filter((unit) => unitObstacle(blocks, unit, possible) === null);
}
