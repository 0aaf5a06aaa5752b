// In which precisions of few bits a graph can be written.

import type { QuantisedDtype } from './quantisation.ts';

/** Whether a model stored as `dtype` computes in float16. */
export const hasHalfActivations = (dtype: string): boolean =>
  /f(p)?16$/.test(dtype) && dtype !== 'bf16';

/** Why a model stored as `dtype` cannot be written as few bits of that name, or null. */
export function storedObstacle(dtype: string, written: QuantisedDtype): string | null {
  if (dtype === 'bf16' || dtype === 'fp64')
    return `Weights of this graph are stored as ${dtype}: float32 and float16 can be quantised.`;
  if (written === 'q4' && hasHalfActivations(dtype))
    return (
      'The activations of this graph are float16, those of q4 are float32: its 4 bits are called ' +
      'q4f16.'
    );
  if (written === 'q4f16' && dtype !== 'fp32' && !hasHalfActivations(dtype))
    return (
      `The weights of this graph are stored as ${dtype} already, and its activations stay ` +
      'float32: what is left can be written as q4 or q8.'
    );
  return null;
}
