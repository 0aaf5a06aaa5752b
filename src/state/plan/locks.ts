// Which blocks may still be removed, and which are locked.

import { endLocks } from '../../analysis/ranking.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { type Unit, wholeBlocks } from '../../units.ts';
import { derive } from '../memo.ts';
import { numBlocksOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';

/** Blocks that can be removed besides `removed`: neither locked nor impossible to remove. */
export function unlockedAmong(
  blocks: ModelSummary['blocks'],
  locked: readonly number[],
  removed: readonly Unit[] = [],
): number[] {
  const without = wholeBlocks(removed);
  return blocks
    .filter(({ index, unremovable }) => !unremovable && ![...locked, ...without].includes(index))
    .map(({ index }) => index);
}

/** Blocks of the open model that can be removed, removed ones included. */
export const unlockedBlocks = derive(
  (state: StudioState) => [state.model.current, state.plan.present.locked],
  (model, locked): readonly number[] => unlockedAmong(model?.summary.blocks ?? [], locked),
);

/** True when the first 4 and the last 2 blocks are all locked. */
export function endsLocked(state: StudioState): boolean {
  const { locked } = state.plan.present;
  const ends = endLocks(numBlocksOf(state));
  return ends.length > 0 && ends.every((block) => locked.includes(block));
}
