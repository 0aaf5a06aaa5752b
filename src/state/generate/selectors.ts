// Side by side generation as the page shows it: why it cannot start, where the texts differ.

import { firstDifference } from '../../analysis/divergence.ts';
import { waitsForEffect } from '../effect/waiting.ts';
import { engineObstacle } from '../jobs.ts';
import { derive } from '../memo.ts';
import { isMetering } from '../speed/metering.ts';
import type { StudioState } from '../state.ts';

/** Why nothing can be generated now, or null. An automatic measurement gives way. */
export function generateObstacle(state: StudioState): string | null {
  if (!state.model.current) return 'No model is open.';
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  if (state.generate.running) return 'A generation is running.';
  return isMetering(state) ? 'A measurement is running.' : null;
}

/** Index of the first new token in which the two differ, or null. */
export const divergence = derive(
  (state: StudioState) => [state.generate.shown],
  (shown): number | null => {
    const { original, pruned } = shown?.sides ?? {};
    return original && pruned ? firstDifference(original, pruned) : null;
  },
);

/** True when both texts are whole and nowhere different. */
export function textsAreSame(state: StudioState): boolean {
  const { original, pruned } = state.generate.shown?.sides ?? {};
  return original?.done != null && pruned?.done != null && divergence(state) === null;
}

/** True while a generation waits for the perplexity of the plan. */
export function waitsForPerplexity(state: StudioState): boolean {
  const { running, progress, shown } = state.generate;
  return running && progress === null && !shown?.prompt && waitsForEffect(state);
}
