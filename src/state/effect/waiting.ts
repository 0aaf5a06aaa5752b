// Waiting for the perplexity of the plan, for what would disturb it or be disturbed by it.

import type { StoreApi } from 'zustand/vanilla';
import { cancelled } from '../../errors.ts';
import type { StudioState } from '../state.ts';
import { effectSteps } from './steps.ts';

/**
 * True while the perplexity of the plan is being measured: it and speeds would disturb each other.
 */
export function waitsForEffect(state: StudioState): boolean {
  const { asked, known } = state.effect;
  const isOfPlan = effectSteps(state).some(({ key }) => key === asked);
  return asked !== null && isOfPlan && !known.has(asked);
}

/**
 * Until no perplexity is being measured.
 * @param isWanted asked whenever the state changes: false ends the wait
 * @throws EspalierError `cancelled` when it is no longer wanted
 */
export async function untilEffectMeasured(
  store: StoreApi<StudioState>,
  isWanted: () => boolean,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const isOver = () => !isWanted() || !waitsForEffect(store.getState());
    if (isOver()) return resolve();
    const stop = store.subscribe(() => {
      if (!isOver()) return;
      stop();
      resolve();
    });
  });
  if (!isWanted()) throw cancelled();
}
