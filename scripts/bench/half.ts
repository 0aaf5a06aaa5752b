// The gain of the sample without half of its blocks, measured by the product in its own workers.

import type { Page } from '@playwright/test';
import { PAPER_PROTOCOL, type SpeedSummary } from '../../src/analysis/speed.ts';
import type { Gain } from '../../src/contract/speed.ts';
import type { Served } from './browser/contract.ts';
import { atLeast, type Check } from './limits.ts';

export interface GainRow {
  name: string;
  removed: number[];
  promptTokens: number;
  tokens: number;
  warmup: number;
  runs: number;
  original: SpeedSummary;
  pruned: SpeedSummary;
  gain: Gain;
  /** Seconds to load each variant. */
  loads: { original: number[]; pruned: number[] };
  checks: Check[];
}

const GAIN = 1.5;

/** The half that is least important, one-shot. */
export function halfOf(order: readonly number[]): number[] {
  return order.slice(0, order.length / 2).sort((a, b) => a - b);
}

export async function gainOfHalf(
  page: Page,
  served: Served,
  order: readonly number[],
): Promise<GainRow> {
  const removed = halfOf(order);
  const settings = { ...PAPER_PROTOCOL };
  const { original, pruned, gain, errors } = await page.evaluate(
    (call) => window.espalierBench.measure(call),
    {
      served,
      removed,
      settings,
    },
  );
  if (!original || !pruned || !gain) throw new Error(`a variant failed: ${JSON.stringify(errors)}`);
  return {
    name: served.name,
    removed,
    promptTokens: settings.promptTokens,
    tokens: settings.tokens,
    warmup: settings.warmup,
    runs: settings.runs,
    original: original.speed,
    pruned: pruned.speed,
    gain,
    loads: { original: original.loads, pruned: pruned.loads },
    checks: [
      atLeast(
        `${served.name}: throughput without half of the blocks over the original`,
        gain.ratio,
        GAIN,
      ),
    ],
  };
}
