// What the plan does to quality and size, as the page shows it.

import type { PlanResult } from '../../contract/plan.ts';
import type { Measure } from '../../contract/score.ts';
import type { PlanSize } from '../../model/open/size.ts';
import { exportSize } from '../export/selectors.ts';
import { effectKey, prunedKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';

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
  /** Null while the size in the chosen precision is not known yet. */
  size: PlanSize | null;
}

/** What was measured of the plan with its healing; null without one, and before. */
export const healedMeasure = (state: StudioState): PlanResult | null =>
  state.plan.present.healing === undefined
    ? null
    : (state.effect.known.get(effectKey(state) ?? '') ?? null);

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
  ],
  (model, removed, dtype, written, curve, growing, effect, key, ownKey, healed): EffectView => {
    const original = curve?.result.baseline ?? growing ?? null;
    // Nothing removed: the model as it is, although an export would write it a little differently.
    const isOriginal = removed.length === 0 && dtype === null;
    const size = isOriginal ? (model?.summary ?? null) : written;
    if (key === null)
      return {
        original,
        pruned: removed.length ? null : original,
        stale: false,
        waiting: false,
        healed: null,
        waitingForHealed: false,
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
      size,
    };
  },
);
