// transformers.js generates from an export with healed weights what our decoder does.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AutoModelForCausalLM, env, Tensor } from '@huggingface/transformers';
import { afterAll, expect, it } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import { Decoder } from '../../runtime/decode/decoder.ts';
import { generateGreedily } from '../../runtime/decode/greedy.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import { manifestFolder, manifestSource } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { openModel } from '../open/open.ts';
import { healingOf } from './testing/byHand.ts';
import { changesOf, target } from './testing/exported.ts';

const scratch = mkdtempSync(join(tmpdir(), 'espalier-healed-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
env.allowRemoteModels = false;
env.localModelPath = scratch;

it('transformers.js generates from healed weights what our decoder does', async () => {
  const removed = [7, 9];
  const weight = (block: number, name: string): string =>
    `model.layers.${block}.${name}.MatMul.weight`;
  const changes = changesOf([
    target(weight(6, 'mlp.down_proj'), 6, 320, 128),
    target(weight(8, 'attn.qkv_proj'), 8, 128, 256),
  ]);
  const opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
  const manifest = await exportManifest(opened, removed, {
    app: 'test',
    steps: [{ step: 'healing', healing: healingOf(removed, changes), quantised: 'again' }],
  });
  for (const file of manifest.files) {
    const path = join(scratch, 'healed', file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await manifestSource(file, opened.folder).read(0, file.size));
  }
  const prompt = golden<SampleGolden>('sample').prompt_ids;
  const engine = await openWasm(nodeLoader);
  const folder = manifestFolder(manifest, opened.folder);
  const decoder = await Decoder.open(await openModel(folder, manifest.graph), engine);
  const own = await generateGreedily(decoder, prompt, 16);
  await decoder.dispose();
  await engine.dispose();
  const close = own.margins.findIndex((margin) => margin < 1e-3);
  const sure = close < 0 ? 16 : close;
  expect(sure).toBeGreaterThan(4);

  const model = await AutoModelForCausalLM.from_pretrained('healed', {
    dtype: 'fp32',
    device: 'cpu',
  });
  const row = (values: readonly number[]): Tensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const output = (await model.generate({
    input_ids: row(prompt),
    attention_mask: row(prompt.map(() => 1)),
    max_new_tokens: 16,
    min_new_tokens: 16,
    do_sample: false,
  } as never)) as Tensor;
  await model.dispose();
  const ids = Array.from(output.data as BigInt64Array, Number).slice(prompt.length);
  expect(ids.slice(0, sure)).toEqual(own.ids.slice(0, sure));
});
