// Export steps of quantisations by settings alone, for tests.

import { dtypeSteps, type StepChoice } from '../../../model/export/steps.ts';
import type { QuantisedDtype, QuantiseSettings } from '../../../model/quantise/quantisation.ts';
import { quantisationOf } from '../../../model/quantise/testing/byHand.ts';
import type { Unit } from '../../../units.ts';

/** By default RTN with zero points, in 4 bits and blocks of 32; tables stay as they are. */
export const quantiseSteps = (
  settings: Partial<QuantiseSettings>,
  dtype: QuantisedDtype = 'q4',
  removed: readonly Unit[] = [],
): StepChoice[] => dtypeSteps(dtype, quantisationOf(settings, { removed }));
