// Width pruning as a comparison: what is asked for and what comes of it.

import type { WidthMethod, WidthPlan, WidthScores } from '../../model/width/types.ts';
import type { UsedDevice } from '../device.ts';
import type { Progress } from '../progress.ts';
import type { Measure } from '../score.ts';

export interface WidthRequest {
  methods: WidthMethod[];
  /**
   * How much goes: a share of what can go, as the methods' publications have it (whole groups and
   * channels per layer, rounded down), or so many weights, as nearly as widths allow.
   */
  amount: { ratio: number } | { weights: number };
  /** Numbers of channels are rounded to multiples of this; 1 = as published. */
  multiple: number;
  /** FLAP's variance: by its formula, or as its published code runs. */
  flapVariance: 'formula' | 'as-run';
  budgetBytes?: number | undefined;
}

export interface WidthOutcome {
  method: WidthMethod;
  /** Without and with FLAP's compensation; others have none. */
  plan: WidthPlan;
  compensatedPlan: WidthPlan | null;
  measure: Measure;
  compensated: Measure | null;
  /** Weights that are gone, of all those of the model. */
  removedWeights: number;
  totalWeights: number;
  /** Every layer loses as many groups and channels as every other: a config can say it. */
  equalLayers: boolean;
  /**
   * Why it cannot be exported, as a sentence; null where it can. The studio worker says so, the
   * measurement itself does not.
   */
  exportObstacle?: string | null | undefined;
  /** By block of the source. */
  scores: WidthScores[];
}

export interface WidthResult {
  baseline: Measure;
  outcomes: WidthOutcome[];
  device: UsedDevice;
  /** What cannot be narrowed, or was rounded; sentences. */
  notes: string[];
  seconds: number;
}

export type WidthEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'outcome'; outcome: WidthOutcome };

/** Calls of the studio worker. */
export interface WidthApi {
  /** @throws EspalierError as `score`; `unsupported-graph` where nothing can be narrowed */
  width(request: WidthRequest, onEvent: (event: WidthEvent) => void): Promise<WidthResult>;
}
