// What a quantisation is set to where nothing else is asked for, and its bounds.

import type { QuantiseSettings } from '../model/quantise/quantisation.ts';
import type { QuantiseData } from './quantise.ts';

export const QUANTISE_DEFAULTS: Readonly<QuantiseSettings> = {
  method: 'rtn',
  bits: 4,
  block: 32,
  symmetric: false,
  floatZeros: true,
  embedding: 'keep',
  head: 'keep',
  accuracyLevel: 0,
};

/** Windows of the calibration text that GPTQ sees, tokens in each, and what is measured on. */
export const QUANTISE_DATA: Readonly<QuantiseData> = {
  calibration: { kind: 'bundled' },
  samples: 32,
  length: 128,
  heldOut: { kind: 'bundled' },
};
