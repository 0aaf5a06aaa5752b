// Which plan is measured by itself once it has settled, and when such a measurement gives way.

import { engineJob } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import type { StudioState } from '../state.ts';
import { meterUse } from './metering.ts';
import { measureObstacle } from './selectors.ts';
import { isOf, newestOf, quickKey } from './settings.ts';

/**
 * Above this many bytes a measurement loads so much that it is asked for, unless it was switched
 * on.
 */
const AUTO_BYTES = 1e9;

/** True when settled plans are measured by themselves. */
export function autoMeasures({ speed, model }: StudioState): boolean {
  return speed.auto ?? (model.current?.summary.bytes ?? 0) <= AUTO_BYTES;
}

/** Key of the measurement that the settled plan should get by itself, or null. */
export function autoKey(state: StudioState): string | null {
  const { removed } = state.plan.present;
  if (!autoMeasures(state) || removed.length === 0) return null;
  if (meterUse(state) !== null || measureObstacle(state) !== null) return null;
  const effect = effectKey(state);
  const hasPpl = effect !== null && state.effect.known.has(effect);
  if (state.model.current?.summary.canScore && !hasPpl) return null;
  return newestOf(state, removed) ? null : quickKey(state, removed);
}

/** True when an automatic measurement that runs must end: anything else comes first. */
export function autoGivesWay(state: StudioState): boolean {
  const { running } = state.speed;
  return (
    engineJob(state) !== null ||
    state.generate.running ||
    !autoMeasures(state) ||
    state.model.opening !== null ||
    !running ||
    !isOf(running, state.plan.present.removed, state.export.dtype)
  );
}
