// What the page knows of the goal search: what a plan should reach, and the plans that were tried.

import type { Slice } from '../slice.ts';

/**
 * What a plan must reach: tokens/s at least, or bytes at most, of the exported files or on the
 * device.
 */
export type GoalKind = 'speed' | 'file' | 'device';

/** One plan that the search looked at: estimated, then measured. */
export interface GoalStep {
  /** Number of blocks removed. */
  blocks: number;
  /** In the goal's unit (tokens/s or bytes), or null where nothing is known yet. */
  estimated: number | null;
  measured: number | null;
  meets: boolean | null;
}

export interface GoalSlice {
  kind: GoalKind;
  /** Tokens/s or bytes; null while nothing is typed. */
  value: number | null;
  running: boolean;
  steps: readonly GoalStep[];
  /** How the last search ended, in words; '' before. */
  verdict: string;
}

const first: GoalSlice = { kind: 'speed', value: null, running: false, steps: [], verdict: '' };

export const GOAL: Slice<GoalSlice> = {
  first,
  keep: (slice, opened) =>
    opened === 'same-model' ? { ...slice, running: false } : { ...first, kind: slice.kind },
};
