// The order in which leave-one-out visits blocks and heads; pure, knows no tensors.

import type { Stage } from './stages.ts';

/** The intact model, or the model without one block. */
export type Variant = 'intact' | number;

/** Run `block` on the stream of `variant`, or the head on its last state. `variant` n starts from the intact state before block n. */
export type Step = { kind: 'block'; variant: Variant; block: number } | { kind: 'head'; variant: Variant };

/**
 * All weights are on the device: the intact stream first, then each variant to its end, the last block first. The baseline comes after one
 * forward pass and a point of the curve after every further stretch. N(N + 1)/2 block runs for N blocks, like the breadth-first order.
 */
export function residentSchedule(numBlocks: number, removable: (block: number) => boolean): Step[] {
  const steps: Step[] = [];
  for (let block = 0; block < numBlocks; block++) steps.push({ kind: 'block', variant: 'intact', block });
  steps.push({ kind: 'head', variant: 'intact' });
  for (let variant = numBlocks - 1; variant >= 0; variant--) {
    if (!removable(variant)) continue;
    for (let block = variant + 1; block < numBlocks; block++) steps.push({ kind: 'block', variant, block });
    steps.push({ kind: 'head', variant });
  }
  return steps;
}

/**
 * Weights do not fit: breadth-first, so that each block's weights are loaded once; all points of the curve come at the end. Only the
 * variants from `from` up to `to` are run; the first part also gives the baseline.
 */
export function streamedSchedule(numBlocks: number, removable: (block: number) => boolean, from = 0, to = numBlocks): Step[] {
  const steps: Step[] = [];
  const alive: Variant[] = [];
  for (let block = 0; block < numBlocks; block++) {
    if (from === 0 || block < to - 1) steps.push({ kind: 'block', variant: 'intact', block });
    for (const variant of alive) steps.push({ kind: 'block', variant, block });
    if (block >= from && block < to && removable(block)) alive.push(block);
  }
  if (from === 0) steps.push({ kind: 'head', variant: 'intact' });
  for (const variant of alive) steps.push({ kind: 'head', variant });
  return steps;
}

/** The stage whose weights a step needs. */
export function stageOf(step: Step): Stage {
  return step.kind === 'head' ? 'head' : step.block;
}

export function countBlockRuns(steps: readonly Step[]): number {
  return steps.filter((step) => step.kind === 'block').length;
}
