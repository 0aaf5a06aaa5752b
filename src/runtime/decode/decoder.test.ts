// Greedy decoding of real graphs on the real runtime equals the goldens, with and without caches,
// in batches and with the prompt split; reads only committed fixtures.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { CPU_KINDS, type CpuKind, HAS_NATIVE, openCpu } from '../testing/cpuDevices.ts';
import { Decoder, type DecoderOptions } from './decoder.ts';
import { generateGreedily } from './greedy.ts';

const engines = new Map<CpuKind, Engine>();
/** The wasm device. */
let engine: Engine;

beforeAll(async () => {
  for (const kind of CPU_KINDS) engines.set(kind, await openCpu(kind));
  engine = engines.get('wasm')!;
});
afterAll(async () => {
  for (const one of engines.values()) await one.dispose();
});

async function exported(source: OpenedModel, removed: readonly number[]): Promise<OpenedModel> {
  const manifest = await exportManifest(source, removed, { app: 'test' });
  return openModel(manifestFolder(manifest, source.folder), manifest.graph);
}

/**
 * The expected ids up to the first step whose margin is below the tolerance: from there on another
 * device may choose differently.
 */
function certain(
  ids: readonly number[],
  margins: readonly number[],
  tolerance: number,
): readonly number[] {
  const end = margins.findIndex((margin) => margin < tolerance);
  return end < 0 ? ids : ids.slice(0, end);
}

async function greedy(
  kind: CpuKind,
  opened: OpenedModel,
  prompt: readonly number[],
  steps: number,
  options: DecoderOptions = {},
): Promise<number[]> {
  const decoder = await Decoder.open(opened, engines.get(kind)!, options);
  try {
    return (await generateGreedily(decoder, prompt, steps)).ids;
  } finally {
    await decoder.dispose();
  }
}

// The 4-bit graph is held to another runtime in model/manifestTransformers.test.ts.
test.each(CPU_KINDS)('the sample on %s, original and pruned', async (kind) => {
  const { generation, prompt_ids } = golden<SampleGolden>('sample');
  const source = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
  for (const { removed, removedUnits, greedy_ids, greedyMargins } of generation) {
    if (removedUnits.length > 0) continue;
    const expected = certain(greedy_ids, greedyMargins, 1e-3);
    const ids = await greedy(kind, await exported(source, removed), prompt_ids, greedy_ids.length);
    expect(ids.slice(0, expected.length), `removed ${removed}`).toEqual(expected);
  }
});

test.runIf(HAS_NATIVE)('a folder of the disk is not read into memory natively', async () => {
  const { generation, prompt_ids } = golden<SampleGolden>('sample');
  const [intact] = generation.filter(({ removed }) => removed.length === 0);
  const folder = await openFolder(samplePath());
  const source = await openModel(folder, 'onnx/model.onnx');
  const before = folder.bytesRead();
  const ids = await greedy('cpu', source, prompt_ids, 8);
  expect(ids).toEqual(intact?.greedy_ids.slice(0, 8));
  // The graph file alone.
  const graph = folder.files.find(({ path }) => path === 'onnx/model.onnx');
  expect(folder.bytesRead() - before).toBe(graph?.size);
});

const FIXTURES = [
  'genai-llama-fp32-webgpu',
  'genai-llama-fp16-webgpu',
  'genai-llama-int4-webgpu',
  'genai-lfm2-fp32-cpu',
  'genai-gemma2-fp32-cpu',
  'genai-phi3long-fp32-cpu',
  'genai-llama-fp32-cpu-prunehead',
  'optimum-llama-fp32',
  'optimum-llama-nokv',
  'optimum-llama-q4f16',
  'optimum-gemma3-fp32',
  'optimum-bloom-fp32',
  'optimum-qwen3moe-fp32',
  'dynamo-llama-op23',
];

describe.each(FIXTURES)('%s', (name) => {
  test.each(CPU_KINDS)('greedy ids on %s, original and pruned', async (kind) => {
    const source = await openModel(await openFolder(fixturePath(name)));
    const { pruned, logitTol } = golden(name);
    const tolerance = Math.max(1e-3, logitTol);
    let compared = 0;
    for (const want of pruned) {
      if (want.refused !== undefined || !want.greedy) continue;
      const expected = certain(want.greedy, want.greedyMargins, tolerance);
      const ids = await greedy(
        kind,
        await exported(source, want.removed),
        want.promptIds,
        want.greedy.length,
      );
      expect(ids.slice(0, expected.length), `removed ${want.removed}`).toEqual(expected);
      compared += expected.length;
    }
    expect(compared).toBeGreaterThan(0);
  });
});

describe('rows and runs', () => {
  // Attention that takes several tokens after a past for one row only, one that takes them always,
  // states of fixed size, and a window cache of full size.
  for (const name of [
    'genai-llama-fp32-webgpu',
    'optimum-llama-fp32',
    'genai-lfm2-fp32-cpu',
    'genai-gemma2-fp32-cpu',
    'optimum-llama-nokv',
  ])
    test(`${name}: rows are alike, and a split prompt gives the same logits`, async () => {
      const opened = await openModel(await openFolder(fixturePath(name)));
      const prompt = golden(name).windows[0]?.slice(0, 12) ?? [];
      const whole = await Decoder.open(opened, engine);
      const reference = await generateGreedily(whole, prompt, 4, { keepLogits: true });
      for (const [batch, prefillTokens] of [
        [3, 512],
        [1, 5],
        [2, 5],
      ] as const) {
        const decoder = await Decoder.over(whole.loaded, { prefillTokens });
        await decoder.begin(batch, prompt.length + 4);
        let logits = await decoder.prefill(prompt);
        for (let step = 0; step < 4; step++) {
          const expected = reference.logits[step] ?? new Float32Array();
          expect(logits.length).toBe(batch * expected.length);
          let worst = 0;
          for (const [i, value] of logits.entries())
            worst = Math.max(
              worst,
              Math.abs(value - (expected[i % expected.length] ?? Number.NaN)),
            );
          expect(worst, `batch ${batch}, runs of ${prefillTokens}, step ${step}`).toBeLessThan(
            1e-4,
          );
          if (step < 3)
            logits = await decoder.step(new Int32Array(batch).fill(reference.ids[step] ?? 0));
        }
        decoder.close();
      }
      await whole.dispose();
    });

  test('too many tokens are refused, and so is a step before the prompt', async () => {
    const decoder = await Decoder.open(
      await openModel(await openFolder(fixturePath('optimum-llama-fp32'))),
      engine,
    );
    await expect(decoder.step([1])).rejects.toMatchObject({ code: 'bug' });
    await decoder.begin(1, 3);
    await decoder.prefill([1, 2, 3]);
    await expect(decoder.step([4])).rejects.toThrow(
      '4 tokens were fed to a decoder with room for 3',
    );
    await expect(decoder.prefill([])).rejects.toMatchObject({ code: 'bad-input' });
    await decoder.dispose();
  });
});
