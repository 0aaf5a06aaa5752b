// Measuring the original and a pruned variant against each other.

import type { Sampling } from '../analysis/sampling.ts';
import type { SpeedSummary, Stat } from '../analysis/speed.ts';
import type { ErrorReport } from '../errors.ts';
import type { StepChoice } from '../model/export/steps.ts';
import type { Unit } from '../units.ts';
import type { BrowserDeviceKind, UsedDevice } from './device.ts';
import type { FolderSource } from './open.ts';
import type { Progress } from './progress.ts';
import type { RunSample, VariantInfo } from './variant.ts';

export type Which = 'original' | 'pruned';

/**
 * The protocol of a measurement (Shortened LLaMA, section 4: 12 -> 128 tokens, 10 + 20 runs), or
 * the quick one.
 */
export interface SpeedSettings {
  mode: 'paper' | 'quick' | 'custom';
  /**
   * null = a built-in text cut to `promptTokens`; a string is encoded as it is and sets the length.
   */
  prompt: string | null;
  promptTokens: number;
  tokens: number;
  warmup: number;
  runs: number;
  batch: number;
  sampling: Sampling;
  graphCapture: boolean;
}

export interface VariantMeasure {
  info: VariantInfo;
  removed: Unit[];
  speed: SpeedSummary;
  samples: RunSample[];
  /**
   * Seconds of each load; several when the variants did not fit at once and were loaded in turns.
   */
  loads: number[];
  /** Most bytes held on the device. */
  deviceBytes: number;
}

export interface Gain {
  /** Mean throughput of the pruned over that of the original. */
  ratio: number;
  /** 95 % bootstrap interval of the ratio over runs. */
  ci95: [number, number];
  /** True when the spread of the runs exceeds the difference: the interval contains 1. */
  noise: boolean;
}

/**
 * What was measured, with what it was measured on. A variant that failed has an error instead; the
 * other's numbers stay.
 */
export interface MeasureResult {
  original: VariantMeasure | null;
  /** null too when nothing is removed. */
  pruned: VariantMeasure | null;
  errors: { readonly [W in Which]?: ErrorReport };
  gain: Gain | null;
  settings: SpeedSettings;
  promptIds: number[];
  /**
   * `runs` = one run each in turn; `rounds` = loaded and measured in turns because both did not
   * fit.
   */
  interleaved: 'runs' | 'rounds';
  notes: string[];
  /** Seconds of the whole measurement. */
  seconds: number;
}

export type MeterEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'loaded'; which: Which; info: VariantInfo }
  | { type: 'sample'; which: Which; sample: RunSample; warmup: boolean };

/** What is run against the original: what an export of it would write. */
export interface PlannedExport {
  removed: readonly Unit[];
  steps?: readonly StepChoice[];
}

export interface MeterRequest {
  source: FolderSource;
  graph: string;
  removed: Unit[];
  /** What the export of the plan does after the removal: its bytes are what is run. */
  steps?: readonly StepChoice[];
  device: 'auto' | BrowserDeviceKind;
  /**
   * Estimated device bytes of each variant (`planSize`: weights, and the cache of prompt and new
   * tokens): what does not fit together is loaded in turns.
   */
  estimate: Record<Which, number>;
}

export interface MeasureRequest extends MeterRequest {
  settings: SpeedSettings;
}

/** One point of a batch sweep. */
export interface SweepPoint {
  batch: number;
  latency: Stat;
  throughput: Stat;
}

export interface SweepResult {
  original: SweepPoint[];
  pruned: SweepPoint[];
  /** Where a variant stopped before the last batch size, and why. */
  stopped: { which: Which; batch: number; error: ErrorReport }[];
  settings: SpeedSettings;
  device: UsedDevice | null;
  notes: string[];
}

/** A variant of a comparison under a name of the caller's. */
export interface ComparedVariant extends PlannedExport {
  id: string;
  /** As that of `MeterRequest`, at the largest batch. */
  estimate: number;
}

export interface CompareRequest extends Omit<MeterRequest, 'removed' | 'steps' | 'estimate'> {
  /** The others are held against the first. */
  variants: ComparedVariant[];
  /** Its batch is not used. */
  settings: SpeedSettings;
  batches: number[];
}

export interface ComparedPoint extends SweepPoint {
  /** Throughput of each timed run in the order of rounds, tokens/s. */
  rates: number[];
  /** Over the first variant in the same rounds; null for that one, and where it has no numbers. */
  gain: Gain | null;
}

export interface ComparedSide {
  id: string;
  points: ComparedPoint[];
  /** Where it stopped before the last batch size, and why. */
  stopped: { batch: number; error: ErrorReport } | null;
  /** Bytes of graph and data as export writes them; null where it was never loaded. */
  fileBytes: number | null;
}

/** Speeds of several variants over batch sizes. */
export interface SpeedComparison {
  sides: ComparedSide[];
  /** Open at once: all of them, each with the first one, or one at a time. */
  arranged: 'all' | 'pairs' | 'alone';
  settings: SpeedSettings;
  device: UsedDevice | null;
  notes: string[];
  /** Seconds of the whole measurement. */
  seconds: number;
}

export type CompareEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'loaded'; id: string; info: VariantInfo }
  | { type: 'point'; id: string; point: ComparedPoint }
  /** How many are open at once from here on; all points are measured again where it changes. */
  | { type: 'arranged'; arranged: SpeedComparison['arranged'] };
