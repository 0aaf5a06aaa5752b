// Perplexity of the model without the units of a plan.

import type { Unit } from '../units.ts';
import type { Measure } from './score.ts';

export interface PlanResult extends Measure {
  removed: Unit[];
  /** Id of the healing that it was measured with; absent without one. */
  healing?: string | undefined;
  /** Id of the quantisation by whose bytes it was measured; absent: as the weights are. */
  quantised?: string | undefined;
  seconds: number;
}
