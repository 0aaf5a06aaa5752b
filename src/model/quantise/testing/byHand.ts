// Quantisations without a measurement, for tests.

import type { Quantisation, QuantiseSettings } from '../quantisation.ts';

export const RTN: QuantiseSettings = {
  method: 'rtn',
  bits: 4,
  block: 32,
  symmetric: false,
  floatZeros: false,
  embedding: 'keep',
  head: 'keep',
  accuracyLevel: 0,
};

/** A quantisation of the whole model. */
export function quantisationOf(
  settings: Partial<QuantiseSettings> = {},
  more: Partial<Omit<Quantisation, 'settings'>> = {},
): Quantisation {
  return {
    id: 'a quantisation',
    removed: [],
    healing: null,
    settings: { ...RTN, ...settings },
    forms: {},
    computed: [],
    record: { text: null, mixed: null, measured: [] },
    ...more,
  };
}
