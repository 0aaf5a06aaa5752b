import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  AutoModelForCausalLM,
  AutoModelForImageTextToText,
  AutoTokenizer,
  env,
  type PreTrainedModel,
  Tensor,
} from '@huggingface/transformers';
import { afterAll, describe, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { Decoder } from '../../runtime/decode/decoder.ts';
import { type Generation, generateGreedily } from '../../runtime/decode/greedy.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { TOLERANCES } from '../../runtime/verify/tolerances.ts';
import { fixturePath, golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import { parseUnits, type Unit } from '../../units.ts';
import { openModel } from '../open/open.ts';
import { quantisationOf } from '../quantise/testing/byHand.ts';
import { manifestSource } from './folder.ts';
import { exportManifest } from './manifest.ts';
import type { ExportOptions } from './request.ts';
import { dtypeSteps } from './steps.ts';

const scratch = mkdtempSync(join(tmpdir(), 'espalier-transformers-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
env.allowRemoteModels = false;
env.localModelPath = scratch;

const DOWN = 'model.layers.2.mlp.down_proj.MatMul.weight';

const exportSample = (graph: string, removed: readonly Unit[], name: string): Promise<void> =>
  exportTo(samplePath(), graph, removed, name);

async function exportTo(
  path: string,
  graph: string | undefined,
  removed: readonly Unit[],
  name: string,
  precisions: Pick<ExportOptions, 'steps' | 'also' | 'format'> = {},
): Promise<void> {
  const folder = await openFolder(path);
  const options = { app: 'test', ...precisions };
  const manifest = await exportManifest(await openModel(folder, graph), removed, options);
  for (const file of manifest.files) {
    const path = join(scratch, name, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await manifestSource(file, folder).read(0, file.size));
  }
  await folder.close();
}

/** Greedy ids after the prompt, with the KV cache, from the folder as it was written. */
async function generate(
  name: string,
  dtype: 'fp32' | 'q4',
  ids: readonly number[],
  count: number,
): Promise<number[]> {
  const model = await AutoModelForCausalLM.from_pretrained(name, { dtype, device: 'cpu' });
  const found = await generateWith(model, ids, count);
  await model.dispose();
  return found;
}

async function generateWith(
  model: PreTrainedModel,
  ids: readonly number[],
  count: number,
): Promise<number[]> {
  const row = (values: readonly number[]): Tensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const output = (await model.generate({
    input_ids: row(ids),
    attention_mask: row(ids.map(() => 1)),
    max_new_tokens: count,
    min_new_tokens: count,
    do_sample: false,
  } as never)) as Tensor;
  return Array.from(output.data as BigInt64Array, Number).slice(ids.length);
}

/** The same of several prompts with our own decoder on the wasm device, from what was written. */
async function generateHere(
  name: string,
  graph: string,
  prompts: readonly (readonly number[])[],
  count: number,
): Promise<Generation[]> {
  const engine = await openWasm(nodeLoader);
  const folder = await openFolder(join(scratch, name));
  const decoder = await Decoder.open(await openModel(folder, graph), engine);
  try {
    const runs: Generation[] = [];
    for (const ids of prompts) runs.push(await generateGreedily(decoder, ids, count));
    return runs;
  } finally {
    await decoder.dispose();
    await engine.dispose();
    await folder.close();
  }
}

describe('transformers.js', () => {
  const { prompt_ids, generation, windows } = golden<SampleGolden>('sample');

  for (const { removed, removedUnits, greedy_ids, greedyMargins } of generation) {
    const units = parseUnits([...removed, ...removedUnits].join()).units ?? [];
    it(`generates the golden ids from the float32 sample without [${units}]`, async () => {
      const name = `without-${units.join('-') || 'none'}`;
      await exportSample('onnx/model.onnx', units, name);
      const close = greedyMargins.findIndex((margin) => margin < 1e-3);
      const sure = close < 0 ? greedy_ids.length : close;
      expect(sure).toBeGreaterThan(7);
      expect((await generate(name, 'fp32', prompt_ids, greedy_ids.length)).slice(0, sure)).toEqual(
        greedy_ids.slice(0, sure),
      );
    });
  }

  // Native and wasm kernels round activations of accuracy level 4 each in its own way: ids bind up
  // to the first margin within that.
  for (const removed of [
    [],
    [3, 7],
    [1, 2, 3, 7, 8, 9, 13, 14],
    ['8.ffn', 7, '9.attn', '15.attn'],
  ] as Unit[][])
    it(`generates from the 4-bit sample without [${removed}] what our decoder does`, async () => {
      const name = `q4-without-${removed.join('-') || 'none'}`;
      await exportSample('onnx/model_q4.onnx', removed, name);
      let compared = 0;
      const prompts = windows.slice(0, 4).map((window) => window.slice(0, 16));
      const here = await generateHere(name, 'onnx/model_q4.onnx', prompts, 24);
      const there = await AutoModelForCausalLM.from_pretrained(name, {
        dtype: 'q4',
        device: 'cpu',
      });
      for (const [k, { ids, margins }] of here.entries()) {
        const close = margins.findIndex((margin) => margin < TOLERANCES.coarse.logits);
        const sure = close < 0 ? ids.length : close;
        const found = await generateWith(there, prompts[k]!, 24);
        expect(found.slice(0, sure)).toEqual(ids.slice(0, sure));
        compared += sure;
      }
      await there.dispose();
      expect(compared).toBeGreaterThanOrEqual(10);
    });

  it('opens the 4-bit sample without two blocks, tokenizer included, and generates', async () => {
    await exportSample('onnx/model_q4.onnx', [3, 7], 'q4');
    const tokenizer = await AutoTokenizer.from_pretrained('q4');
    const ids = tokenizer.encode('The old house');
    expect(ids.length).toBeGreaterThan(0);
    expect(await generate('q4', 'q4', ids, 8)).toHaveLength(8);
  });

  it('generates in every precision of a folder of several what our decoder does', async () => {
    const few = quantisationOf({ embedding: 8, head: 8 }, { forms: { [DOWN]: 8 } });
    const eight = quantisationOf({ bits: 8, head: 8, symmetric: true });
    const also = [dtypeSteps('q4f16', few), dtypeSteps('q8', eight)];
    const steps = dtypeSteps('q4', few);
    await exportTo(samplePath(), 'onnx/model.onnx', [3, 7], 'several', { steps, also });
    const prompt = windows[0]!.slice(0, 16);
    for (const [dtype, file, margin] of [
      ['q4', 'q4', 1e-3],
      ['q4f16', 'q4f16', TOLERANCES.float16.logits],
      ['q8', 'quantized', 1e-3],
    ] as const) {
      const [here] = await generateHere('several', `onnx/model_${file}.onnx`, [prompt], 12);
      const there = await AutoModelForCausalLM.from_pretrained('several', { dtype, device: 'cpu' });
      const close = here!.margins.findIndex((size) => size < margin);
      const sure = close < 0 ? here!.ids.length : close;
      const found = await generateWith(there, prompt, 12);
      await there.dispose();
      expect(found.slice(0, sure), dtype).toEqual(here!.ids.slice(0, sure));
      expect(sure, dtype).toBeGreaterThanOrEqual(4);
    }
  });

  const greedyOf = (name: string) =>
    golden(name).pruned.find(({ removed }) => removed.join() === '1,3')!;

  it('opens every graph of a model for text and images, without two blocks', async () => {
    const { promptIds, greedy } = greedyOf('split-smolvlm-q4');
    await exportTo(fixturePath('split-smolvlm-q4'), undefined, [1, 3], 'split');
    const model = await AutoModelForImageTextToText.from_pretrained('split', {
      dtype: { decoder_model_merged: 'q4', embed_tokens: 'q4', vision_encoder: 'fp32' },
      device: 'cpu',
    });
    expect(Object.keys(model.sessions)).toHaveLength(3);
    expect(await generateWith(model, promptIds, greedy.length)).toEqual(greedy);
    await model.dispose();
  });

  it('runs what is made of a checkpoint and of a GGUF file, without two blocks', async () => {
    for (const name of ['hf-gpt2-fp32', 'gguf-llama-f32']) {
      const { promptIds, greedy } = greedyOf(name);
      await exportTo(fixturePath(name), undefined, [1, 3], name, { format: 'onnx' });
      expect(await generate(name, 'fp32', promptIds, greedy.length), name).toEqual(greedy);
    }
  });

  it('runs both branches of a merged decoder without two blocks', async () => {
    const { promptIds, greedy } = greedyOf('merged-opt-fp32');
    await exportTo(fixturePath('merged-opt-fp32'), undefined, [1, 3], 'merged');
    const model = await AutoModelForCausalLM.from_pretrained('merged', {
      model_file_name: 'decoder_model_merged',
      dtype: 'fp32',
      device: 'cpu',
    });
    expect(await generateWith(model, promptIds, greedy.length)).toEqual(greedy);
    await model.dispose();
  });
});
