// The slider of how many of the least important blocks, or sublayers, to remove.

import { currentOrder, droppable } from '../../state/criteria/orders.ts';
import { countSublayers } from '../../state/plan/unitWords.ts';
import type { StudioState } from '../../state/state.ts';
import { droppableSublayers, showsSublayers } from '../../state/sublayers/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { countLabel } from '../../words/blocks.ts';
import { useActions, useStudio } from '../studioContext.ts';

/** How many are removed now. */
export function lowestCount(state: StudioState): number {
  const { removed } = state.plan.present;
  return showsSublayers(state) ? countSublayers(removed) : wholeBlocks(removed).length;
}

export const hasOrder = (state: StudioState) =>
  showsSublayers(state) ? droppableSublayers(state) > 0 : currentOrder(state) !== null;

export function LowestSlider({ testId, hint }: { testId: string; hint?: string }) {
  const ofSublayers = useStudio(showsSublayers);
  const most = useStudio((state) =>
    showsSublayers(state) ? droppableSublayers(state) : droppable(state),
  );
  const count = useStudio(lowestCount);
  const usable = useStudio(hasOrder);
  const actions = useActions();
  return (
    <input
      type="range"
      min="0"
      max={Math.max(most, 1)}
      value={Math.min(count, most)}
      disabled={!usable}
      aria-label={countLabel(ofSublayers)}
      aria-describedby={hint}
      data-testid={testId}
      onChange={(event) => actions.dropLowest(event.target.valueAsNumber)}
    />
  );
}
