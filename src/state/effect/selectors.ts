// What the plan does to quality and size, as the page shows it.

import type { PlanResult } from '../../contract/plan.ts';
import type { Measure } from '../../contract/score.ts';
import type { PlanSize } from '../../model/open/size.ts';
import { exportSize } from '../export/selectors.ts';
import { effectKey, prunedKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import { effectSteps } from './steps.ts';

export interface EffectView {
  original: Measure | null;
  /** Of the plan, or of an older plan while `stale`. */
  pruned: Measure | PlanResult | null;
  stale: boolean;
  /** True when a measurement was asked for and is not there yet. */
  waiting: boolean;
  /** Of the plan with its healing; null without one, and while that is not measured. */
  healed: PlanResult | null;
  /** The plan has a healing whose perplexity is being measured. */
  waitingForHealed: boolean;
  /** By the bytes of its quantisation; null without one, and while that is not measured. */
  quantised: PlanResult | null;
  /** The plan has a quantisation whose perplexity is being measured. */
  waitingForQuantised: boolean;
  /** Null while the size in the chosen precision is not known yet. */
  size: PlanSize | null;
}

/** What was measured of the plan with its healing; null without one, and before. */
export const healedMeasure = (state: StudioState): PlanResult | null =>
  state.plan.present.healing === undefined
    ? null
    : (state.effect.known.get(effectKey(state) ?? '') ?? null);

/** What was measured of the plan by the bytes of its quantisation; null without one, and before. */
export const quantisedMeasure = (state: StudioState): PlanResult | null => {
  const last = effectSteps(state).at(-1);
  return last?.quantised === undefined ? null : (state.effect.known.get(last.key) ?? null);
};

export const effectView = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    state.export.dtype,
    exportSize(state),
    state.score.curve,
    (state.score.running ?? state.score.stopped)?.baseline,
    state.effect,
    prunedKey(state),
    effectKey(state),
    healedMeasure(state),
    quantisedMeasure(state),
    effectSteps(state),
  ],
  (
    model,
    removed,
    dtype,
    written,
    curve,
    growing,
    effect,
    key,
    ownKey,
    healed,
    quantised,
    steps,
  ): EffectView => {
    const original = curve?.result.baseline ?? growing ?? null;
    // Nothing removed: the model as it is, although an export would write it a little differently.
    const isOriginal = removed.length === 0 && dtype === null;
    const size = isOriginal ? (model?.summary ?? null) : written;
    const last = steps.at(-1);
    const few = {
      quantised,
      waitingForQuantised:
        last?.quantised !== undefined && quantised === null && effect.asked === last.key,
    };
    if (key === null)
      return {
        original,
        pruned: removed.length ? null : original,
        stale: false,
        waiting: false,
        healed: null,
        waitingForHealed: false,
        ...few,
        size,
      };
    const stale = effect.shown?.key !== key;
    return {
      original,
      pruned: effect.shown?.result ?? null,
      stale,
      waiting: stale && effect.asked === key,
      healed,
      waitingForHealed: ownKey !== key && healed === null && effect.asked === ownKey,
      ...few,
      size,
    };
  },
);
