// Which plan is measured by itself once it has settled, which one is asked about first, and when
// such a measurement gives way.

import { activeQuantisation, isMeasured } from '../effect/steps.ts';
import { engineJob } from '../jobs.ts';
import type { StudioState } from '../state.ts';
import { meterUse } from './metering.ts';
import { measureObstacle } from './selectors.ts';
import { formByItself, isOf, newestOf, quickKey, UNWRITTEN } from './settings.ts';
import { TIMES } from './time.ts';

/** What takes longer is asked about before it starts by itself. */
const ASK_SECONDS = 30;

/** While no time is known: a model of more bytes is asked about. */
const UNKNOWN_BYTES = 100e6;

/** Whether a settled plan is measured by itself, is asked about, or neither. */
export function autoStance(state: StudioState): 'starts' | 'asks' | 'off' {
  const { auto } = state.speed;
  if (auto !== null) return auto ? 'starts' : 'off';
  const time = TIMES.quick(state);
  const isShort = time
    ? time.seconds <= ASK_SECONDS
    : (state.model.current?.summary.bytes ?? 0) <= UNKNOWN_BYTES;
  return isShort ? 'starts' : 'asks';
}

/** Key of the measurement that the settled plan lacks, while nothing else runs; or null. */
function wantedKey(state: StudioState): string | null {
  const { removed } = state.plan.present;
  const isOriginal = removed.length === 0 && activeQuantisation(state) === null;
  if (isOriginal || meterUse(state) !== null || measureObstacle(state) !== null) return null;
  if (state.heal.refit?.state === 'runs') return null;
  if (state.model.current?.summary.canScore && !isMeasured(state)) return null;
  const form = formByItself(state, removed);
  if (form.quantised === UNWRITTEN) return null;
  return newestOf(state, removed, form) ? null : quickKey(state, removed);
}

/** Key of the measurement that the settled plan should get by itself, or null. */
export const autoKey = (state: StudioState): string | null =>
  autoStance(state) === 'starts' ? wantedKey(state) : null;

/** True when the page should ask whether to measure the plan. */
export const asksToMeasure = (state: StudioState): boolean =>
  autoStance(state) === 'asks' && wantedKey(state) !== null;

/** It turned out to take so long that it should have been asked about. */
function tookLonger(state: StudioState): boolean {
  const { progress } = state.speed;
  return (
    autoStance(state) === 'asks' &&
    progress?.unit === 'runs' &&
    (progress.secondsLeft ?? 0) > ASK_SECONDS
  );
}

/** True when an automatic measurement that runs must end: anything else comes first. */
export function autoGivesWay(state: StudioState): boolean {
  const { running } = state.speed;
  return (
    engineJob(state) !== null ||
    state.generate.running ||
    autoStance(state) === 'off' ||
    tookLonger(state) ||
    state.model.opening !== null ||
    !running ||
    !isOf(running, state.plan.present.removed, formByItself(state, state.plan.present.removed))
  );
}
