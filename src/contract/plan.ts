// Perplexity of the model without the units of a plan.

import type { Unit } from '../units.ts';
import type { Measure } from './score.ts';

export interface PlanResult extends Measure {
  removed: Unit[];
  seconds: number;
}
