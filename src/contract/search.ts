// Iterative search: one block removed at a time, the rest scored again.

import type { Unit } from '../units.ts';
import type { UsedDevice } from './device.ts';
import type { Progress } from './progress.ts';
import type { Measure, RecordedSettings, ScoreSettings } from './score.ts';

/** What an iterative search is to do. */
export interface SearchParameters {
  /** Removed before the search begins. */
  start: readonly Unit[];
  /** Locked blocks. */
  locked: readonly number[];
  /** Blocks to remove, at most. */
  count: number;
  /** Stop before the perplexity of the plan goes above this; null = no bound. */
  maxPpl: number | null;
}

/**
 * Iterative PPL (SLEB): the block whose removal costs least is removed, and what remains is scored
 * again.
 */
export interface SearchRequest extends SearchParameters {
  settings: ScoreSettings;
}

export interface SearchStep {
  /** The block that this step removed. */
  block: number;
  /** Of the model without it and those removed before. */
  measure: Measure;
  /** NLL of every candidate of this step, in nats, ascending. */
  candidates: { block: number; nll: number }[];
  seconds: number;
}

export type SearchEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | {
      type: 'started';
      device: UsedDevice;
      baseline: Measure;
      resumedSteps: number;
    }
  /** A candidate of the running step. */
  | { type: 'candidate'; step: number; block: number; nll: number }
  | { type: 'step'; step: SearchStep };

export interface SearchResult {
  /** Of the model as the search found it: without `start`. */
  baseline: Measure;
  steps: SearchStep[];
  /** Why it ended: enough blocks are removed, the bound is reached, or only locked ones remain. */
  stoppedBy: 'count' | 'bound' | 'locks';
  windows: number[][];
  settings: RecordedSettings;
  device: UsedDevice;
  seconds: number;
  /** Cost against the sum of the steps' ideals, measured in the run; null when unknown. */
  costRatio: number | null;
}
