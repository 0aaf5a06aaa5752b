// The windows that folders of a lineage are compared on, and what the open one has on them.

import { engineObstacle } from '../jobs.ts';
import { derive } from '../memo.ts';
import type { ScoreSlice } from '../score/state.ts';
import type { StudioState } from '../state.ts';
import { sameWindows } from '../sublayers/selectors.ts';
import type { OwnMeasure } from './state.ts';

export type Windows = OwnMeasure['windows'];

/** Mean NLL of a folder as it is, on these windows; null where it was not measured on them. */
export function measuredOn(
  measured: readonly OwnMeasure[],
  curve: ScoreSlice['curve'],
  windows: Windows,
): number | null {
  if (curve && sameWindows(curve.result.windows, windows)) return curve.result.baseline.nll;
  return measured.findLast((one) => sameWindows(one.windows, windows))?.nll ?? null;
}

export interface Reference {
  windows: Windows;
  /** Of the folder that was scored on them; null where that is the open one. */
  name: string | null;
}

/**
 * The windows of the open folder's curve; without one those of the folder that it was made from, or
 * of another relative. Null where none was scored.
 */
export const reference = derive(
  (state: StudioState) => [state.score.curve, state.model.current, state.kept],
  (curve, model, { origin, lineage }): Reference | null => {
    if (curve) return { windows: curve.result.windows, name: null };
    const { score = null, sourceName = '' } = model?.madeFrom ?? {};
    if (score) return { windows: score.windows, name: sourceName };
    const scored = lineage.filter((relative) => relative.curve);
    const one = scored.find(({ key }) => key === origin?.key) ?? scored[0];
    return one?.curve ? { windows: one.curve.result.windows, name: one.name } : null;
  },
);

/** Mean NLL of the open folder on the windows of the reference; null while it is unknown. */
export const ownNll = derive(
  (state: StudioState) => [reference(state), state.lineage.measured, state.score.curve],
  (of, measured, curve): number | null => of && measuredOn(measured, curve, of.windows),
);

/** The folder on whose windows the open one can be measured in one pass; null where it need not. */
export function measurableOn(state: StudioState): string | null {
  if (ownNll(state) !== null || !state.model.current?.summary.canScore) return null;
  return reference(state)?.name ?? null;
}

/** Why that cannot start now, or null. */
export const lineageObstacle = (state: StudioState): string | null => engineObstacle(state);
