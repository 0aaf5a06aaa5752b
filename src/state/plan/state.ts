// What the page knows of the plan: its history, and why the last "remove the lowest" was refused.

import { ofModel } from '../slice.ts';
import { type PlanHistory, startHistory } from './plan.ts';

export type PlanSlice = PlanHistory & {
  /** Why the last "remove the k lowest" was refused, or ''. */
  refusal: string;
};

export const PLAN = ofModel<PlanSlice>({ ...startHistory(), refusal: '' }, (slice) => slice);
