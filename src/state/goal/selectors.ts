// The goal search as the page shows it: why it cannot start, and values of a goal in its unit.

import { measureObstacle } from '../speed/selectors.ts';
import type { StudioState } from '../state.ts';
import type { GoalKind } from './state.ts';

/** Why no plan can be searched now, or null. */
export function goalObstacle(state: StudioState): string | null {
  if (!state.score.curve)
    return 'Score the blocks first: plans are tried in the order of the curve.';
  if (state.goal.value === null) return 'Enter a target.';
  return measureObstacle(state);
}

const UNITS: Record<GoalKind, string> = {
  speed: 'tok/s',
  file: 'MB',
  device: 'MB of device memory',
};

/**
 * A value of a goal in its unit: "312 tok/s", "9.31 MB". Four digits, so that a near miss does not
 * look like a hit.
 */
export function goalWords(kind: GoalKind, value: number): string {
  const inUnit = kind === 'speed' ? value : value / 1e6;
  return `${inUnit.toLocaleString('en', { maximumSignificantDigits: 4 })} ${UNITS[kind]}`;
}
