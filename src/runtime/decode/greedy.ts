// Greedy decoding for comparisons: ids, margins and logits of every step.

import { throwIfCancelled } from '../../errors.ts';
import { createYielder } from '../device/yielder.ts';
import type { Decoder } from './decoder.ts';

export interface Generation {
  ids: number[];
  /** Best minus second logit at each step: where small, another device may choose differently. */
  margins: number[];
  /** (V,) at each step, when asked for. */
  logits: Float32Array[];
}

export interface GreedyOptions {
  /** These ids are fed instead of the greedy choices. */
  forced?: readonly number[];
  keepLogits?: boolean;
  signal?: AbortSignal | undefined;
  onStep?: (done: number) => void;
}

/**
 * Greedy decoding of `steps` tokens of one row after `prompt`. @throws EspalierError `cancelled`,
 * as `Decoder.step`.
 */
export async function generateGreedily(
  decoder: Decoder,
  prompt: readonly number[],
  steps: number,
  options: GreedyOptions = {},
): Promise<Generation> {
  const out: Generation = { ids: [], margins: [], logits: [] };
  const yieldIfDue = createYielder();
  await decoder.begin(1, prompt.length + steps);
  for (let step = 0; step < steps; step++) {
    await yieldIfDue();
    throwIfCancelled(options.signal);
    const logits =
      step === 0
        ? await decoder.prefill(prompt)
        : await decoder.step([options.forced?.[step - 1] ?? out.ids[step - 1] ?? 0]);
    const { best, margin } = greedy(logits);
    out.ids.push(best);
    out.margins.push(margin);
    if (options.keepLogits) out.logits.push(logits.slice());
    options.onStep?.(step + 1);
  }
  return out;
}

function greedy(logits: Float32Array): { best: number; margin: number } {
  let best = 0;
  let second = Number.NEGATIVE_INFINITY;
  for (let id = 1; id < logits.length; id++) {
    const value = logits[id] ?? Number.NaN;
    if (value > (logits[best] ?? 0)) {
      second = logits[best] ?? 0;
      best = id;
    } else if (value > second) second = value;
  }
  return { best, margin: (logits[best] ?? 0) - second };
}
