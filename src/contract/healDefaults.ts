// What a healing is set to where nothing else is asked for, and the recipe of the paper.

import type { RefitSettings, TrainSettings } from './heal.ts';

/** Of a refit. */
export const REFIT_DEFAULTS: Readonly<RefitSettings> = {
  method: 'refit',
  all: false,
  ridge: 1e-3,
  samples: 64,
  length: 128,
  sampler: 'even',
  seed: 1,
};

/**
 * The ridge where every kept block is refitted: it must hold weights that are right already, and so
 * is stronger.
 */
export const REFIT_ALL_RIDGE = 0.1;

/** Of a training that fits into a tab: some ten thousand tokens. */
export const TRAIN_DEFAULTS: Readonly<TrainSettings> = {
  method: 'lora',
  kl: 1,
  steps: 100,
  batch: 4,
  length: 128,
  rate: 2e-3,
  warmup: 5,
  schedule: 'constant',
  weightDecay: 0.01,
  maxNorm: 0.5,
  seed: 1,
  order: 'given',
  heldOutEvery: 10,
  rank: 8,
  alpha: 16,
  dropout: 0,
  matrices: 'fused',
  blocks: 2,
  norms: true,
  head: false,
};

/** Peak learning rates of adapters by the parameters of the model: larger models need less. */
const LORA_RATES: readonly { below: number; rate: number }[] = [
  { below: 30e6, rate: 2e-3 },
  { below: 500e6, rate: 1e-3 },
  { below: 3e9, rate: 5e-4 },
  { below: Number.POSITIVE_INFINITY, rate: 2e-4 },
];

/** Stored weights are moved more carefully than adapters, which start at nothing. */
const FULL_SHARE = 0.1;

/** The default peak rate of a method for a model of so many parameters. */
export function defaultRate(method: TrainSettings['method'], params: number): number {
  const rate = LORA_RATES.find(({ below }) => params < below)?.rate ?? TRAIN_DEFAULTS.rate;
  return method === 'full' ? rate * FULL_SHARE : rate;
}

/**
 * The recipe by which Shortened LLaMA is retrained, on 50,000 cleaned rows of Alpaca with the loss
 * on the answers; its linear decay is a cosine here.
 * @source Kim et al., Shortened LLaMA: Depth Pruning for Large Language Models (2024), section 4
 */
export const PAPER_RECIPE: Readonly<TrainSettings> & { readonly epochs: number } = {
  ...TRAIN_DEFAULTS,
  kl: 0,
  epochs: 2,
  steps: 1618,
  batch: 64,
  length: 256,
  rate: 1e-4,
  warmup: 100,
  schedule: 'cosine',
  weightDecay: 0,
  maxNorm: 1,
  order: 'shuffled',
  heldOutEvery: 50,
  rank: 8,
  alpha: 16,
  dropout: 0.05,
  matrices: 'split',
};

/**
 * Share of the text that is held out by default: a refit alone learns too little to need it, unless
 * it is judged by itself, as by the switch beside the plan.
 */
export const HELD_OUT = { refit: 0, judgedRefit: 0.1, training: 0.1 } as const;

/** Adapters of a higher rank have as many weights as the matrices they change, and take as long. */
export const MOST_RANK = 512;

/** Random generators are seeded with 32 bits: a higher one would repeat a lower one. */
export const MOST_SEED = 2 ** 32 - 1;

/** Most sequences that a text is measured on: evenly spaced ones. */
export const MEASURED = { fit: 10, 'held-out': 24, foreign: 24 } as const;

/** Most sequences of the held-out part on which a training is watched between its steps. */
export const WATCHED = 12;
