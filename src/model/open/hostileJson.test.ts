// Hostile configs and provenance: whatever the JSON beside a graph holds, reading it and rewriting
// it for an export end in success or a coded error.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../onnx/codec.ts';
import { boundWork, guardedFolder, judge } from '../../onnx/testing/hostile.ts';
import { editedJson, jsonRecipe } from '../../onnx/testing/hostileJson.ts';
import { fixturePath, samplePath } from '../../testing/fixtures.ts';
import { prunedConfigJson, prunedGenaiConfig } from '../export/configs/config.ts';
import { exportManifest } from '../export/manifest.ts';
import { readProvenance, writeProvenance } from '../export/provenance.ts';
import { readConfig } from '../structure/config.ts';
import { EXAMPLE } from '../testing/provenance.ts';
import { PLAIN, residualModel } from '../testing/residual.ts';
import { openModel } from './open.ts';

const SEED = 20_261_122;
const cases = (numRuns: number): fc.Parameters<unknown> => ({ seed: SEED, numRuns });
const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const TINY = encodeModel(residualModel(PLAIN), (_, r) => new Uint8Array(r.length));
const CONFIGS = [
  json(`${samplePath()}/config.json`),
  json(fixturePath('optimum-gemma3-fp32/config.json')),
  {
    model_type: 'gpt_neo',
    num_layers: 3,
    attention_types: [
      [['global', 'local'], 1],
      [['global'], 1],
    ],
    layer_types: ['a', 'b', 'c'],
    eps: 1e-5,
  },
  {
    text_config: { num_hidden_layers: 3, mlp_only_layers: [0, 2], head_dim: 4 },
    'transformers.js_config': { dtype: 'fp32' },
  },
];
const GENAI = [
  json(fixturePath('genai-lfm2-fp32-cpu/genai_config.json')),
  {
    model: {
      type: 'x',
      decoder: { num_hidden_layers: 3, sliding_window: { layers: [0, 1] }, head_size: 4 },
    },
  },
];
const CHECKPOINTS = ['hf-llama-rope-yarn', 'hf-gemma3text-fp32', 'hf-gpt2-fp32'].map((name) => ({
  tensors: readFileSync(fixturePath(`${name}/model.safetensors`)),
  config: json(fixturePath(`${name}/config.json`)),
}));
const PROVENANCE: unknown = JSON.parse(writeProvenance(EXAMPLE));

describe(`hostile JSON beside a graph (seed ${SEED})`, () => {
  boundWork({ steps: 2e6, bytes: 64 * 2 ** 20 });

  it('as config.json', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...CONFIGS), jsonRecipe, async (config, recipe) => {
        const text = editedJson(config, recipe);
        await judge(() => readConfig(guardedFolder({ 'config.json': bytes(text) })));
        await judge(() => {
          const pruned = prunedConfigJson(text, 3, [0, 2], { parts: { 'model.onnx': 1 } });
          expect(
            () => prunedConfigJson(pruned, 2, [0], null),
            'what is written can be read',
          ).not.toThrow();
        });
      }),
      cases(4000),
    );
  });

  it('as genai_config.json', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...GENAI), jsonRecipe, async (config, recipe) => {
        const text = editedJson(config, recipe);
        await judge(() => readConfig(guardedFolder({ 'genai_config.json': bytes(text) })));
        await judge(() => prunedGenaiConfig(prunedGenaiConfig(text, 3, [0, 2]), 2, [0]));
      }),
      cases(2000),
    );
  });

  it('beside a graph that is opened and exported', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...CONFIGS.slice(2)),
        fc.constantFrom(GENAI[1]),
        jsonRecipe,
        fc.boolean(),
        async (config, genai, recipe, both) => {
          const files = {
            'model.onnx': TINY,
            'config.json': bytes(editedJson(config, recipe)),
            ...(both ? { 'genai_config.json': bytes(editedJson(genai, recipe)) } : {}),
          };
          await judge(async () => {
            const opened = await openModel(guardedFolder(files));
            await exportManifest(opened, [1], { app: 'test' });
          });
        },
      ),
      cases(600),
    );
  });

  it('beside tensors that a graph is made for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...CHECKPOINTS), jsonRecipe, async (checkpoint, recipe) => {
        const files = {
          'model.safetensors': checkpoint.tensors,
          'config.json': bytes(editedJson(checkpoint.config, recipe)),
        };
        await judge(async () => {
          const opened = await openModel(guardedFolder(files));
          await exportManifest(opened, [1], { app: 'test' });
          await exportManifest(opened, [1], { app: 'test', format: 'onnx' });
        });
      }),
      cases(150),
    );
  });

  it('as espalier.json', async () => {
    await fc.assert(
      fc.asyncProperty(jsonRecipe, async (recipe) => {
        const text = editedJson(PROVENANCE, recipe);
        await judge(() => readProvenance(writeProvenance(readProvenance(text))));
      }),
      cases(4000),
    );
  });
});
