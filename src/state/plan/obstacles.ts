// Why a unit cannot be toggled, why the k lowest cannot be removed, and that one block must stay.

import { unitObstacle, withBorrowers } from '../../model/structure/removable.ts';
import {
  blockOf,
  blocksLeft,
  sortUnits,
  sublayerOf,
  sublayerUnit,
  type Unit,
} from '../../units.ts';
import { heldBorrower, noBlockLeft } from '../../words/plan.ts';
import { currentOrder, takable } from '../criteria/orders.ts';
import { numBlocksOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';

/** Why a plan cannot be made that leaves no block; null when one is left. */
export function emptyObstacle(numBlocks: number, removed: readonly Unit[]): string | null {
  return numBlocks > 0 && blocksLeft(numBlocks, removed) < 1 ? noBlockLeft(numBlocks) : null;
}

/** Null when the unit can be removed or put back. */
export function toggleObstacle({ model, plan }: StudioState, unit: Unit): string | null {
  const block = blockOf(unit);
  const blocks = model.current?.summary.blocks ?? [];
  const { removed, locked } = plan.present;
  // A block that lends its cache takes along those that read it.
  const units = removed.includes(unit) ? [unit] : withBorrowers(blocks, [unit]);
  const after = sortUnits([...removed, ...units]);
  const own = unitObstacle(blocks, unit, after);
  if (own !== null) return own;
  // With its other sublayer removed before, this one takes the whole block.
  const other = sublayerUnit(block, sublayerOf(unit) === 'attn' ? 'ffn' : 'attn');
  const takesBlock = removed.includes(other) && !removed.includes(unit);
  const whole = takesBlock ? unitObstacle(blocks, block, after) : null;
  if (whole !== null) return whole;
  const held = units.map(blockOf).find((one) => locked.includes(one));
  if (held !== undefined)
    return held === block
      ? `Block ${block} is locked. Unlock it first.`
      : heldBorrower(block, held);
  return removed.includes(unit) ? null : emptyObstacle(blocks.length, after);
}

/** Why no more than `most` blocks can be removed by the current order, of all of the model. */
export function lowestRefusal(state: StudioState, k: number, most: number): string {
  const blocks = numBlocksOf(state);
  if (currentOrder(state)?.contiguous)
    return (
      `${k} neighbouring blocks cannot be removed: no more than ${most} unlocked ones of ` +
      `${blocks} lie side by side. Unlock blocks or remove at most ${most}.`
    );
  if (most === blocks - 1)
    return `${k} blocks cannot be removed: one of the ${blocks} must stay. Remove at most ${most}.`;
  const fixed = blocks - takable(state);
  const ofThose = fixed > 0 ? ` (${fixed} cannot be removed)` : '';
  return (
    `${k} blocks cannot be removed: only ${most} of ${blocks} are unlocked${ofThose}. Unlock ` +
    `blocks or remove at most ${most}.`
  );
}
