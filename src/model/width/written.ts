// Which of the plans of a method is run, timed and written.

import type { WidthPlan } from './types.ts';

/** The plan with its compensation, where the method has one. */
export const writtenPlan = (found: {
  plan: WidthPlan;
  compensatedPlan: WidthPlan | null;
}): WidthPlan => found.compensatedPlan ?? found.plan;
