// What is measured of the plan, one after the other: with the weights of the source, with its
// healing, by the bytes of its quantisation.

import { isQuantisedDtype } from '../../model/export/steps.ts';
import { planKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { type ByResult, writtenIn } from '../quantise/written.ts';
import type { StudioState } from '../state.ts';

export interface EffectStep {
  key: string;
  healing?: string | undefined;
  quantised?: string | undefined;
}

/**
 * The quantisation that the plan is written with in the precision of exports; null where it is
 * written otherwise, or by settings that nothing was measured of.
 */
export const activeQuantisation = derive(
  (state: StudioState) => [state.export.dtype, state.quantise, state.plan.present],
  (dtype, quantise, plan): ByResult | null => {
    if (!isQuantisedDtype(dtype)) return null;
    const written = writtenIn({ quantise }, dtype, plan);
    return written.by === 'result' ? written : null;
  },
);

/** None without a curve, whose windows they are measured on. */
export const effectSteps = derive(
  (state: StudioState) => [
    state.score.curve?.id,
    state.plan.present,
    activeQuantisation(state)?.key,
  ],
  (curve: number | undefined, { removed, healing }, quantised?: string): readonly EffectStep[] => {
    if (curve === undefined) return [];
    const steps: EffectStep[] = [];
    if (removed.length > 0) steps.push({ key: planKey(curve, removed) });
    if (removed.length > 0 && healing !== undefined)
      steps.push({ key: planKey(curve, removed, healing), healing });
    if (quantised !== undefined)
      steps.push({ key: planKey(curve, removed, healing, quantised), healing, quantised });
    return steps;
  },
);

/** The first of them that is not known; null once all are. */
export const missingStep = (state: StudioState): EffectStep | null =>
  effectSteps(state).find(({ key }) => !state.effect.known.has(key)) ?? null;

/** Whether anything is measured of the plan, and all of it is known. */
export const isMeasured = (state: StudioState): boolean =>
  effectSteps(state).length > 0 && missingStep(state) === null;
