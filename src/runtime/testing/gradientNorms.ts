// The length of the gradient at every boundary of a model, for tests.

import type { TaylorJob } from '../gradients/taylor.ts';

/** `onGradient` of a job fills `gradNorm`: L2 norms of dL/dh over all windows, by cut. */
export function gradientNorms(): Required<Pick<TaylorJob, 'onGradient'>> & { gradNorm: number[] } {
  const gradNorm: number[] = [];
  return {
    gradNorm,
    onGradient(cut, chunks) {
      let squares = 0;
      for (const values of chunks) for (const value of values) squares += value * value;
      gradNorm[cut] = Math.sqrt(squares);
    },
  };
}
