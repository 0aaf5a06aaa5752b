// Every plan whose perplexity is known on the windows of the current curve, whoever measured it.

import { sortUnits, type Unit } from '../../units.ts';
import { derive } from '../memo.ts';
import { isOnCurve } from '../search/measured.ts';
import type { StudioState } from '../state.ts';

export interface KnownPlan {
  removed: readonly Unit[];
  /** Mean NLL in nats per token. */
  nll: number;
}

/** By `removed.join()`; the original under ''. Empty without a curve. */
export const knownPlans = derive(
  (state: StudioState) => [
    state.score.curve,
    state.effect.known,
    state.search.measured,
    state.search.path,
    isOnCurve(state),
  ],
  (curve, effect, measured, path, onCurve): ReadonlyMap<string, KnownPlan> => {
    const plans = new Map<string, KnownPlan>();
    if (!curve) return plans;
    const add = (removed: readonly Unit[], nll: number) =>
      plans.set(removed.join(), { removed, nll });
    add([], curve.result.baseline.nll);
    for (const { index, nll, refused } of curve.result.blocks) if (!refused) add([index], nll);
    if (path && onCurve) {
      const units = [...path.request.start];
      for (const { block, measure } of path.steps) {
        units.push(block);
        add(sortUnits(units), measure.nll);
      }
    }
    for (const results of [measured, effect])
      for (const [key, { removed, nll }] of results)
        if (key.startsWith(`${curve.id}|`)) add(removed, nll);
    return plans;
  },
);

/** By how much perplexity rises from `before` to `after`, as a share: 0.19 is +19 %. */
export const riseOf = (before: number, after: number): number => Math.expm1(after - before);
