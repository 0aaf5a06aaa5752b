// Healing: a plan's weights refitted or trained so that the pruned model behaves like the
// original again; what is asked for, what is reported, what comes of it.

import type { HealedMeasure, Healing, HealingRecord } from '../model/healing/healing.ts';
import type { Unit } from '../units.ts';
import type { BrowserDeviceKind, UsedDevice } from './device.ts';
import type { Progress } from './progress.ts';
import type { MemoryEstimate } from './score.ts';

export type HealMethod = 'refit' | 'lora' | 'full';

/** Least squares, without gradients. */
export interface RefitSettings {
  method: 'refit';
  /** Every kept block behind the first removal, not only the last one before each run. */
  all: boolean;
  /** lambda = ridge * trace(h'h) / F. */
  ridge: number;
  /** Windows of the text; null = all that it gives, one after the other. */
  samples: number | null;
  /** Tokens per window. */
  length: number;
  sampler: 'even' | 'random';
  seed: number;
}

/** Gradient descent by AdamW. */
export interface TrainSettings {
  method: 'lora' | 'full';
  /** Share of the KL divergence to the original in the loss; the rest is the next token's NLL. */
  kl: number;
  steps: number;
  /** Sequences per step; runs take as many at a time as memory allows. */
  batch: number;
  /** Tokens per sequence; longer instructions are cut. */
  length: number;
  /** Peak learning rate. */
  rate: number;
  /** Steps until the peak, linearly. */
  warmup: number;
  schedule: 'cosine' | 'constant';
  weightDecay: number;
  /** Largest norm of all gradients together; null = not clipped. */
  maxNorm: number | null;
  seed: number;
  /** Sequences in the order of the text, or in a new order in each epoch. */
  order: 'given' | 'shuffled';
  /** Steps between two measurements on the held-out part. */
  heldOutEvery: number;
  /** Of LoRA; ignored otherwise. */
  rank: number;
  alpha: number;
  /** Share of the inputs of the adapters that are set to 0 while training. */
  dropout: number;
  /** Fused projections as one, or query, key and value apart, as PEFT has them. */
  matrices: 'fused' | 'split';
  /** Of full training: so many of the last kept blocks; ignored otherwise. */
  blocks: number;
  /** Norms of these blocks and the last one, and the head, too. */
  norms: boolean;
  head: boolean;
}

export type HealSettings = RefitSettings | TrainSettings;

/** What the healing sees. */
export type HealText =
  | { kind: 'bundled' }
  | { kind: 'text'; name: string; text: string }
  /** JSON or JSONL of instructions, as Alpaca writes them; answers alone are learned. */
  | { kind: 'instructions'; name: string; text: string };

/** Texts and their parts. */
export interface HealData {
  text: HealText;
  /** Share of the text, at its end, that the healing does not see; 0 = none. */
  heldOut: number;
  /** Another text to measure on; null = none. `bundled` is the bundled evaluation text. */
  foreign: { kind: 'bundled' } | { kind: 'text'; name: string; text: string } | null;
}

export interface HealRequest {
  /** The plan; empty: the original is trained, as a control. */
  removed: Unit[];
  data: HealData;
  /** One after the other: a refit may go before a training. */
  methods: HealSettings[];
  device: 'auto' | BrowserDeviceKind;
  budgetBytes?: number | undefined;
}

/** What a healing will take, before it starts. */
export interface HealEstimate {
  memory: MemoryEstimate;
  /** Seconds, from runs that were measured; null where they could not be. */
  seconds: number | null;
  /** Weights that it changes. */
  parameters: number;
  /** Bytes of what is kept afterwards. */
  bytes: number;
  /** What is computed otherwise than the model computes it, what is left out; sentences. */
  notes: string[];
}

export type HealEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  /** A training step: loss in nats per token, norm of all gradients before clipping. */
  | { type: 'step'; step: number; steps: number; loss: number; norm: number; rate: number }
  /** On the held-out part; step 0 is before any training. */
  | { type: 'held-out'; step: number; loss: number };

export interface HealResult {
  healing: Healing;
  /** One row for each text that was measured: fit, held-out, foreign. */
  measured: HealedMeasure[];
  /**
   * Share of the NLL lost by pruning that the healing has brought back on the held-out part, or on
   * the foreign text without one; null where nothing was lost.
   */
  recovered: number | null;
  /** Steps that were taken; fewer than asked for when it was stopped. */
  stoppedAt: number | null;
  device: UsedDevice;
  /** Overlap of texts, a rise on the held-out part, what was computed otherwise; sentences. */
  warnings: string[];
  seconds: number;
}

/** A healing of the open model, without its weights. */
export interface KeptHealing {
  id: string;
  removed: Unit[];
  methods: HealMethod[];
  /** Of its weights; 0 for a training whose best state was its start, which changes nothing. */
  bytes: number;
  /** ms since 1970. */
  savedAt: number;
  /** Made by the switch beside the plan: the first to make room for others. */
  passing: boolean;
  /** False when this browser could not store it: it goes with the page. */
  stored: boolean;
  record: HealingRecord;
  /** See `HealResult`. */
  recovered: number | null;
  stoppedAt: number | null;
  device: UsedDevice;
  warnings: string[];
  seconds: number;
  /** The original can be trained on the same text: it is still there. */
  canControl: boolean;
}

/** What is kept for the open model. */
export interface HealingShelf {
  /** Newest first. */
  healings: KeptHealing[];
  /** Bytes of all models together, and how many this page keeps at most. */
  bytes: number;
  mostBytes: number;
}

/** What a healing has come to, and what is kept now. */
export interface HealOutcome extends Pick<HealingShelf, 'bytes' | 'mostBytes'> {
  healing: KeptHealing;
  /** Older healings that made room for it. */
  gone: KeptHealing[];
}
