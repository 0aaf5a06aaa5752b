// Quantisations by settings alone, for tests.

import type { StepChoice } from '../../../model/export/steps.ts';
import type { QuantisedDtype, QuantiseSettings } from '../../../model/quantise/quantisation.ts';
import type { Unit } from '../../../units.ts';

/** RTN with zero points, in 4 bits and blocks of 32; tables stay as they are. */
const RTN: QuantiseSettings = {
  method: 'rtn',
  bits: 4,
  block: 32,
  symmetric: false,
  floatZeros: false,
  embedding: 'keep',
  head: 'keep',
  accuracyLevel: 0,
};

/** The export steps of a quantisation that needs nothing but settings. */
export function quantiseSteps(
  settings: Partial<QuantiseSettings>,
  dtype: QuantisedDtype = 'q4',
  removed: readonly Unit[] = [],
): StepChoice[] {
  const quantisation = {
    id: 'test',
    removed,
    healing: null,
    settings: { ...RTN, ...settings },
    forms: {},
    computed: [],
    record: { text: null, mixed: null, measured: [] },
  };
  return [
    ...(dtype === 'q4f16' ? [{ step: 'float16' } as const] : []),
    { step: 'quantise', quantisation, dtype },
  ];
}
