// Perplexity of the original and of a plan on a text that had no part in choosing the plan.

import type { Healing } from '../model/healing/healing.ts';
import type { Unit } from '../units.ts';
import type { BrowserDeviceKind, UsedDevice } from './device.ts';
import type { Progress } from './progress.ts';

/**
 * Perplexity on a text of its own, by the paper's protocol (non-overlapping segments) or with a
 * stride.
 */
export interface EvaluateRequest {
  /** The plan; empty: the original alone. */
  removed: Unit[];
  /** Weights that the plan runs with in place of those of the model; a healing of this plan. */
  healing?: Healing | undefined;
  /** `bundled` is the evaluation text that comes with the page. */
  text: { kind: 'bundled' } | { kind: 'text'; name: string; text: string };
  /** Tokens per segment, BOS included. */
  segment: number;
  /**
   * Tokens from one segment to the next; a segment then predicts its last `stride` tokens only.
   * null = no overlap.
   */
  stride: number | null;
  bos: 'none' | 'every' | null;
  /** Evaluate at most this many segments, from the start; null = all. */
  maxSegments: number | null;
  device: 'auto' | BrowserDeviceKind;
  budgetBytes?: number | undefined;
}

/** The same as the page asks for it: it knows healings by their ids. */
export type PageEvaluateRequest = Omit<EvaluateRequest, 'healing'> & {
  healing?: string | undefined;
};

export interface EvaluatedSide {
  /** Mean over all predicted tokens, nats. */
  nll: number;
  ppl: number | null;
  /** 95 % bootstrap interval of the mean NLL over segments, nats. */
  ci95: [number, number];
}

export interface EvaluateResult {
  text: { name: string; sha256: string; tokens: number };
  segment: number;
  stride: number | null;
  bos: 'none' | 'every';
  /** Segments evaluated, of all that the text gives. */
  segments: number;
  totalSegments: number;
  /** Predicted tokens that the means are over. */
  predicted: number;
  removed: Unit[];
  /** Id of the healing that the plan was measured with; absent without one. */
  healing?: string | undefined;
  original: EvaluatedSide;
  /** null when nothing is removed or healed. */
  plan: EvaluatedSide | null;
  /**
   * Share of predicted positions at which both give the same most likely token; null when there is
   * no plan, and where the original gives no numbers.
   */
  top1Agreement: number | null;
  /** Mean KL(original || plan) in nats over the predicted positions; null likewise. */
  klDivergence: number | null;
  device: UsedDevice;
  /** What makes the numbers doubtful: an original without numbers, overlap with calibration. */
  warnings: string[];
  seconds: number;
}

export type EvaluateEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  /** The numbers over the segments so far. */
  | { type: 'partial'; result: EvaluateResult };
