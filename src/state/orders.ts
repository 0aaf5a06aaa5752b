// The orders in which blocks could go at once, one per criterion that is known for the open model. Pure and memoised.

import { derive } from './memo.ts';
import type { StudioState } from './state.ts';

export interface KnownOrder {
  /** Short and unique: "ppl". */
  name: string;
  /** As legends and tables write it. */
  label: string;
  /** Block indices, least important first. */
  order: readonly number[];
}

export const knownOrders = derive(
  (state: StudioState) => [state.score.curve],
  (curve): KnownOrder[] => (curve ? [{ name: 'ppl', label: 'one-shot perplexity', order: curve.result.order }] : []),
);
