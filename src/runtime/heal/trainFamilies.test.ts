// Training over graphs of several kinds: the gradient of all parameters against differences of the
// loss that is measured, and two steps that lower it.

import { describe, expect, it } from 'vitest';
import type { TrainSettings } from '../../contract/heal.ts';
import type { Unit } from '../../units.ts';
import { Pause } from './pause.ts';
import { openFixtureTraining } from './testing/fixtureTraining.ts';
import { openTraining } from './training.ts';
import { setUpTraining } from './trainingSetup.ts';

interface Case {
  fixture: string;
  removed?: Unit[];
  settings?: Partial<TrainSettings>;
}

const CASES: Case[] = [
  { fixture: 'optimum-llama-q4f16', settings: { kl: 1 } },
  { fixture: 'genai-llama-int4-webgpu', settings: { matrices: 'split' } },
  { fixture: 'optimum-llama-fp16' },
  { fixture: 'optimum-llama-fp16', settings: { method: 'full', kl: 0.5, blocks: 2 } },
  { fixture: 'optimum-llama-fp32', removed: ['1.attn', '3.ffn'], settings: { kl: 0.5 } },
  { fixture: 'optimum-qwen3moe-fp32', removed: [1] },
  { fixture: 'genai-lfm2-fp32-cpu', removed: [2], settings: { kl: 1 } },
  { fixture: 'genai-gemma2-fp32-cpu', settings: { matrices: 'split' } },
  { fixture: 'optimum-opt-fp32', settings: { method: 'full', blocks: 5 } },
  { fixture: 'optimum-bloom-fp32', removed: [0] },
];

describe('gradients of a training', () => {
  it.each(CASES)('$fixture $settings $removed', async (asked) => {
    const model = await openFixtureTraining(asked.fixture);
    const removed = asked.removed ?? [2];
    const settings = { heldOutEvery: 1, ...asked.settings };
    const job = model.job({ removed, settings, heldOut: [] });
    const setup = setUpTraining(job);
    const training = await openTraining(job, setup, new Pause({}), () => {});
    const { parameters, runs } = training;
    const places = setup.orderOf(0);
    const gradient = async (): Promise<{ loss: number; norm: number }> => {
      const loss = await runs.step(places, { share: 0, seed: 1, step: 0 });
      return { loss, norm: parameters.norm() };
    };
    // Where the second factor of an adapter is 0, that of the first one has no gradient.
    const start = await gradient();
    const update = { rate: 1e-2, weightDecay: 0, norm: start.norm, maxNorm: null };
    await parameters.update(1, update, async () => {});
    const next = await gradient();
    expect(next.loss).toBeLessThan(start.loss);
    // What is measured is what was differentiated.
    expect(Math.abs((await runs.loss(places)) / next.loss - 1)).toBeLessThan(1e-5);
    const { values } = parameters.state();
    const [from, along] = [values, parameters.gradients].map((all) =>
      all.map((one) => one.slice()),
    ) as [Float32Array[], Float32Array[]];
    const at = (step: number): Promise<number> => {
      for (const [k, one] of values.entries())
        for (let i = 0; i < one.length; i++)
          one[i] = from[k]![i]! + (step * along[k]![i]!) / next.norm;
      return runs.loss(places);
    };
    const size = Math.hypot(...from.map((one) => Math.hypot(...one)));
    const differences: number[] = [];
    for (const step of [3e-2 * size, 1e-2 * size, 3e-3 * size]) {
      const near = (await at(step / 2)) - (await at(-step / 2));
      const far = (await at(step)) - (await at(-step));
      differences.push((8 * near - far) / (6 * step));
    }
    const errors = differences.map((difference) => Math.abs(difference / next.norm - 1));
    expect(Math.min(...errors), errors.join()).toBeLessThan(1e-3);
    await training.dispose();
    expect(job.engine.ledger.total()).toBe(0);
    await model.close();
  });
});
