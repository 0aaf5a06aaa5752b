// Scoring blocks and sublayers by leaving each out: settings, events, results.

import type { SettingsRecord } from '../model/export/provenance.ts';
import type { SublayerUnit } from '../units.ts';
import type { HiddenCriteria } from './criteria.ts';
import type { BrowserDeviceKind, SelfTest, UsedDevice } from './device.ts';
import type { Progress } from './progress.ts';

export type TextSource =
  | { kind: 'bundled' }
  | { kind: 'text'; name: string; text: string }
  | { kind: 'ids'; name: string; windows: number[][] };

export interface ScoreSettings {
  text: TextSource;
  /** Number of windows S. */
  samples: number;
  /** Tokens per window L, BOS included. */
  length: number;
  sampler: 'even' | 'random';
  seed: number;
  /** null = what the tokenizer does by itself. */
  bos: 'none' | 'every' | null;
  device: 'auto' | BrowserDeviceKind;
  /** Bytes that scoring may take; absent = 70 % of what the device is believed to have. */
  budgetBytes?: number | undefined;
}

/** What is recorded of a run's settings, with the choices resolved. */
export type RecordedSettings = SettingsRecord;

/**
 * Mean negative log-likelihood in nats per predicted token, infinite where it is not a number;
 * `ppl` = exp(nll), null when it overflows float64.
 */
export interface Measure {
  nll: number;
  ppl: number | null;
  /** Mean NLL of each window. */
  nllPerWindow: number[];
}

export interface BlockScore extends Measure {
  index: number;
  /** 95 % paired bootstrap interval of NLL(without block) - NLL(original), in nats. */
  ci95: [number, number];
  /** Why the block cannot be left out; its numbers then mean nothing. */
  refused?: string;
}

export interface ScoreResult {
  /** Comes with the pass of the original at no cost; absent in curves of older versions. */
  hidden?: HiddenCriteria;
  baseline: Measure;
  blocks: BlockScore[];
  /**
   * Block indices, least important first; empty where the baseline is not finite (`hasNumbers`).
   */
  order: number[];
  windows: number[][];
  settings: RecordedSettings;
  device: UsedDevice;
  /** What was measured to choose this device; absent where it was asked for, or is the only one. */
  deviceReason?: string;
  selfTest: SelfTest | null;
  /** Rewrites applied so that the graph runs on the device; remarks on the implementation. */
  rewrites: string[];
  /**
   * What makes the numbers doubtful, in sentences (a baseline that is not finite, float16 that
   * overflows); absent when nothing was found.
   */
  warnings?: string[];
  seconds: number;
  /**
   * The runs alone, without loading and warm-up: their seconds, and the block evaluations of all
   * windows among them, fewer when an interrupted run had done some. Not recorded in files.
   */
  pass?: { seconds: number; blockRuns: number };
  /**
   * Curve cost against the ideal [N(N+1)/2 t_block + (N+1) t_head] (design of the breadth-first
   * pass), measured in the run.
   */
  costRatio: number | null;
}

export type ScoreEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  /** `resumed` = block evaluations that an earlier, interrupted run had done. */
  | {
      type: 'started';
      device: UsedDevice;
      windows: number;
      resumed?: number;
    }
  | { type: 'baseline'; baseline: Measure }
  | { type: 'block'; block: BlockScore };

/** Peak bytes that scoring will need, by part, before it starts. */
export interface MemoryEstimate {
  weights: number;
  hiddenStates: number;
  scratch: number;
  logits: number;
  total: number;
  /** Largest single buffer, against the device's limit. */
  largestBuffer: number;
  /** Bytes that may be taken in all. */
  budget?: number;
  /** Weights are read from the files while scoring goes on, instead of staying on the device. */
  streaming?: boolean;
  /** Bytes of weights that scoring reads from the files. */
  bytesRead?: number;
  /** Why nothing fits, with numbers and what to do; absent when it does. */
  obstacle?: string;
}

/** A sublayer, scored by leaving it out alone. */
export interface SublayerScore extends Measure {
  unit: SublayerUnit;
  /** 95 % paired bootstrap interval of NLL(without it) - NLL(original), in nats. */
  ci95: [number, number];
}

/** Leave-one-out over the 2N sublayers, on the same windows as a curve. */
export interface SublayersResult {
  baseline: Measure;
  /** By block, attention first; blocks whose sublayers cannot be separated are missing. */
  parts: SublayerScore[];
  /** Least important first; empty where the baseline is not finite. */
  order: SublayerUnit[];
  /** As those of `ScoreResult`. */
  warnings?: string[];
  windows: number[][];
  settings: RecordedSettings;
  device: UsedDevice;
  seconds: number;
  costRatio: number | null;
}

export type SublayersEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'baseline'; baseline: Measure }
  | { type: 'part'; part: SublayerScore };
