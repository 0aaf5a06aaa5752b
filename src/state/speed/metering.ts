// What uses the meter now, for everything that must wait for it or end it.

import type { StudioState } from '../state.ts';

/** `auto` gives way to everything else; the others were asked for. */
export type MeterUse = 'auto' | 'measure' | 'sweep' | 'goal' | 'width';

/** The speed job that runs now, or null. Generating knows of itself. */
export function meterUse({ speed, goal, width }: StudioState): MeterUse | null {
  if (goal.running) return 'goal';
  if (width.running?.stage === 'speed') return 'width';
  if (speed.sweep.running) return 'sweep';
  if (!speed.running) return null;
  return speed.running.auto ? 'auto' : 'measure';
}

/** True while a speed job runs that was asked for: nothing else may use the meter then. */
export function isMetering(state: StudioState): boolean {
  const use = meterUse(state);
  return use !== null && use !== 'auto';
}
