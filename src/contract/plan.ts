// Perplexity of the model without the units of a plan.

import type { Unit } from '../units.ts';
import type { Measure } from './score.ts';

export interface PlanResult extends Measure {
  removed: Unit[];
  /** Id of the healing that it was measured with; absent without one. */
  healing?: string | undefined;
  seconds: number;
}
