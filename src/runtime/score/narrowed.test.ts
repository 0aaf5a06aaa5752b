// Graphs that are cut to a plan of width: held to PyTorch on the sample, and to gates in the whole
// graph for exports of every kind.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { gatedPrograms } from '../../model/programs/gated/gatedPrograms.ts';
import { widthBlocks } from '../../model/width/find.ts';
import type { WidthPlan } from '../../model/width/types.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { DEFAULT_KIND, openCpu } from '../testing/cpuDevices.ts';
import { measureExport } from './exported.ts';
import { ScoreSession } from './session.ts';
import { programsOf } from './sessionOptions.ts';

interface Expected {
  removedGroups: number[][];
  removedChannels: number[][];
  nll: number;
}

let engine: Engine;
beforeAll(async () => {
  engine = await openCpu(DEFAULT_KIND);
});
afterAll(async () => {
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

const planOf = (blocks: Partial<WidthPlan['blocks'][number]>[]): WidthPlan => ({
  method: 'flap',
  ratio: 0.3,
  multiple: 1,
  blocks: blocks.map((block) => ({
    ...{ groups: [], channels: [], attentionBias: null, feedForwardBias: null },
    ...block,
  })),
});

async function cutNll(opened: OpenedModel, width: WidthPlan, windows: number[][]): Promise<number> {
  const session = ScoreSession.open(opened, engine);
  try {
    const plan = { source: opened, removed: [], steps: [{ step: 'width', width }] } as const;
    return (await measureExport(session, plan, windows)).nll;
  } finally {
    await session.dispose();
  }
}

describe('a graph cut to a plan of width', () => {
  it('has the likelihoods of PyTorch, with equal blocks and with unequal ones', async () => {
    const opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
    const right = golden<Record<string, Expected>>('width');
    const { windows } = golden<{ windows: number[][] }>('sample');
    for (const name of ['wandaSp-0.5', 'flap-0.25']) {
      const { removedGroups, removedChannels, nll } = right[name]!;
      const plan = planOf(
        removedGroups.map((groups, k) => ({ groups, channels: removedChannels[k]! })),
      );
      expect(Math.abs((await cutNll(opened, plan, windows)) - nll)).toBeLessThan(1e-4);
    }
  });

  // Grouped, fused, alternating and biased products; norms of heads; caches of other exporters;
  // two branches of one file; few bits in whole blocks.
  it.each([
    'optimum-gptneox-fp32',
    'dynamo-llama-op23',
    'merged-opt-fp32',
    'genai-gemma4u-fp32-cpu',
    'genai-qwen3-fp32-webgpu',
    'hf-bloom-fp32',
    'hf-qwen2-fp32',
    'gguf-llama-q4_0',
  ])('computes what gates in %s leave', async (name) => {
    const opened = await openModel(await openFolder(fixturePath(name)));
    const widths = widthBlocks(opened.structure);
    const wave = Float32Array.from({ length: opened.config.hiddenSize! }, (_, k) => Math.sin(k));
    const plan = planOf(
      widths.map(({ attention, feedForward, obstacles }, block) => {
        expect(obstacles).toEqual([]);
        const channels = [...Array(feedForward!.channels).keys()];
        return {
          groups: attention!.groups > 1 ? [block % attention!.groups] : [],
          channels: channels.filter((k) => (name.includes('q4') ? k < 32 : k % 3 === block % 3)),
          attentionBias: block === 0 ? wave : null,
          feedForwardBias: block === 1 ? wave : null,
        };
      }),
    );
    const windows = [[1, 5, 9, 33, 7, 2, 99, 14]];
    const programs = gatedPrograms(programsOf(opened, engine, {}), opened.structure, plan);
    const gated = ScoreSession.open(opened, engine, { programs });
    await gated.useWindows(windows);
    const { nll } = await gated.plan([]);
    await gated.dispose();
    expect(Math.abs((await cutNll(opened, plan, windows)) - nll)).toBeLessThan(2e-5 * nll);
  });

  it('removes halves of which nothing is left, and keeps their compensation', async () => {
    const opened = await openModel(await openFolder(fixturePath('optimum-llama-fp32')));
    const wave = Float32Array.from({ length: 64 }, (_, k) => Math.sin(k));
    const all = [...Array(96).keys()];
    const plan = planOf([
      { channels: [3, 5] },
      { groups: [0, 1], attentionBias: wave },
      { channels: all, feedForwardBias: wave },
      { groups: [1], attentionBias: wave },
      { groups: [0, 1], channels: all, feedForwardBias: wave },
    ]);
    const windows = [[1, 5, 9, 33, 7, 2, 99, 14]];
    const programs = gatedPrograms(programsOf(opened, engine, {}), opened.structure, plan);
    const gated = ScoreSession.open(opened, engine, { programs });
    await gated.useWindows(windows);
    const { nll } = await gated.plan([]);
    await gated.dispose();
    expect(Math.abs((await cutNll(opened, plan, windows)) - nll)).toBeLessThan(1e-5 * nll);
  });
});
