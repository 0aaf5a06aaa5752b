// Memory held while scoring against the estimate: weights and hidden states by the engine's
// accounting, the rest by the heap of the wasm module.

import { join } from 'node:path';
import { fixturePath, golden, samplePath } from '../../src/testing/fixtures.ts';
import { inFreshProcess } from './fresh.ts';
import { atMost, type Check, report, within } from './limits.ts';
import type { MemoryAsked, MemoryFound } from './memoryOf.ts';

export interface MemoryRow extends MemoryFound {
  name: string;
  windows: number;
  length: number;
  /** Held over stated. */
  weightsRatio: number;
  hiddenRatio: number;
  /**
   * What the wasm heap grew by while scoring, over the scratch and logits that were stated: those
   * are of the largest run that may be chosen.
   */
  heapRatio: number;
  checks: Check[];
  ok: boolean;
}

const AWAY = 0.2;

/** The sample and a model of another shape, with weights on the device and streamed. */
export async function benchMemory(): Promise<MemoryRow[]> {
  const { windows } = golden<{ windows: number[][] }>('sample');
  const short = windows.map((window) => window.slice(0, 64));
  const neox = 'optimum-gptneox-fp32';
  const graph = join('onnx', 'model.onnx');
  const cases: [string, MemoryAsked][] = [
    ['sample', { path: samplePath(), graph, windows, share: null }],
    ['sample, streamed', { path: samplePath(), graph, windows: short, share: 0.25 }],
    ['sample, Taylor', { path: samplePath(), graph, windows, share: null, job: 'taylor' }],
    [neox, { path: fixturePath(neox), graph, windows: golden(neox).windows, share: null }],
    [
      `${neox}, streamed`,
      { path: fixturePath(neox), graph, windows: golden(neox).windows, share: 0.5 },
    ],
  ];
  const rows: MemoryRow[] = [];
  for (const [name, asked] of cases) rows.push(await measure(name, asked));
  report(rows.flatMap(({ checks }) => checks));
  return rows;
}

async function measure(name: string, asked: MemoryAsked): Promise<MemoryRow> {
  const found = await inFreshProcess<MemoryFound>(new URL('./memoryOf.ts', import.meta.url), {
    ...asked,
  });
  const { stated, held, heapBytes } = found;
  const weightsRatio = held.weights / stated.weights;
  const hiddenRatio = held.hiddenStates / stated.hiddenStates;
  const heapRatio = (heapBytes.after - heapBytes.before) / (stated.scratch + stated.logits);
  const checks = [
    within(`memory of ${name}: weights over stated`, weightsRatio, 1, AWAY),
    within(`memory of ${name}: hidden states over stated`, hiddenRatio, 1, AWAY),
    atMost(
      `memory of ${name}: growth of the heap over stated scratch and logits`,
      heapRatio,
      1 + AWAY,
    ),
  ];
  const [window = []] = asked.windows;
  return {
    name,
    windows: asked.windows.length,
    length: window.length,
    ...found,
    weightsRatio,
    hiddenRatio,
    heapRatio,
    checks,
    ok: checks.every(({ ok }) => ok),
  };
}
