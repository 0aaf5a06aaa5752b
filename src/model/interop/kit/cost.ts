// What continued pretraining takes: tokens, steps, floating-point operations, GPU hours.

import { CONTINUED_PRETRAINING, OURS, RUNS } from './paper.ts';

/** Fewer steps than this are no training, however small the model. */
export const LEAST_STEPS = 100;

/**
 * Operations per second of one H100 in the paper's four runs, by 6 N D and their days: 2.9e14 to
 * 3.2e14, some 30 % of what it can do in bfloat16 (9.9e14).
 */
export const FLOP_PER_SECOND = Math.min(
  ...RUNS.map(
    ({ params, tokens, days }) =>
      flopOf(params, tokens) / (days * 86_400 * CONTINUED_PRETRAINING.gpus),
  ),
);

/** 6 N D: for a parameter and a token two operations forward, four backward (Kaplan 2020). */
export function flopOf(params: number, tokens: number): number {
  return 6 * params * tokens;
}

export const gpuHours = (flop: number): number => flop / FLOP_PER_SECOND / 3600;

export interface Budget {
  /** Tokens of one sequence. */
  sequence: number;
  steps: number;
  tokens: number;
  /** The run of the paper whose tokens for a parameter are taken. */
  run: (typeof RUNS)[number];
}

/**
 * As many tokens for each parameter as in the run of the paper that removed the most similar share.
 * @param params of the pruned model
 * @param share of the original's parameters that is removed
 * @param contextLength tokens, or null
 */
export function budgetOf(params: number, share: number, contextLength: number | null): Budget {
  const [first, ...others] = RUNS;
  const run = others.reduce(
    (nearest, other) =>
      Math.abs(other.share - share) < Math.abs(nearest.share - share) ? other : nearest,
    first!,
  );
  const sequence = Math.min(OURS.sequence, contextLength ?? OURS.sequence);
  const perStep = sequence * CONTINUED_PRETRAINING.globalBatch;
  const wanted = (run.tokens / run.params) * params;
  const steps = Math.max(LEAST_STEPS, Math.round(wanted / perStep));
  return { sequence, steps, tokens: steps * perStep, run };
}
