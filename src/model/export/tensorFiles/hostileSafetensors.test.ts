// Hostile checkpoints in safetensors: whatever headers and index say, opening them, naming their
// tensors and pruning them end in success or a coded error, soon and within the folder.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../json.ts';
import { boundWork, damaged, guardedFolder, judge, steps } from '../../../onnx/testing/hostile.ts';
import { editedJson, jsonRecipe } from '../../../onnx/testing/hostileJson.ts';
import { readSafetensors } from '../../../tensors/safetensors/read.ts';
import { safetensorsBytes } from '../../../tensors/safetensors/write.ts';
import { safetensorsNames } from '../../make/names/safetensors.ts';
import { manifestSource } from '../folder.ts';
import { prunedSafetensors } from './safetensors.ts';

const SEED = 20_261_130;
const cases = (numRuns: number): fc.Parameters<unknown> => ({
  seed: SEED,
  numRuns,
  endOnFailure: false,
});

const CONFIG: JsonObject = { model_type: 'llama', num_hidden_layers: 3 };
const INDEX = 'model.safetensors.index.json';
const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;

const tensor = (name: string, type = 'F32') => ({
  name,
  type,
  shape: [2, 2],
  data: new Uint8Array(type === 'F32' ? 16 : 8),
});
const NAMES = [0, 1, 2].map((i) => `model.layers.${i}.mlp.up_proj.weight`);
const FIRST = safetensorsBytes(
  [tensor('model.embed_tokens.weight'), tensor(NAMES[0]!), tensor(NAMES[1]!)],
  { format: 'pt' },
);
const SECOND = safetensorsBytes([tensor(NAMES[2]!, 'BF16'), tensor('lm_head.weight', 'BF16')]);
const MAP = {
  metadata: { total_size: 64 },
  weight_map: {
    'model.embed_tokens.weight': SHARDS[0],
    [NAMES[0]!]: SHARDS[0],
    [NAMES[1]!]: SHARDS[0],
    [NAMES[2]!]: SHARDS[1],
    'lm_head.weight': SHARDS[1],
  },
};

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function useFiles(files: Readonly<Record<string, Uint8Array>>, path: string): Promise<void> {
  const folder = guardedFolder(files);
  const size = folder.files.reduce((sum, file) => sum + file.size, 0);
  const opened = await readSafetensors(folder, path).finally(() =>
    expect(folder.read.bytes, 'bytes read').toBeLessThanOrEqual(size),
  );
  const named = safetensorsNames(opened, CONFIG);
  const source = {
    folder,
    graphPath: path,
    root: { folder, top: '', configs: [], variants: [] },
    config: { raw: { config: CONFIG, genai: null } },
    tensorSource: { files: opened, named, bindings: new Map() },
  };
  const pruned = prunedSafetensors(source, [0, 2], new Map());
  const written: Record<string, Uint8Array> = {};
  for (const file of pruned.files)
    written[file.path] = await manifestSource(file, folder).read(0, file.size);
  const again = await readSafetensors(guardedFolder(written), pruned.main);
  expect(again.tensors.size).toBeLessThanOrEqual(opened.tensors.size);
}

describe(`hostile safetensors (seed ${SEED})`, () => {
  boundWork({ steps: 2e5, bytes: 16 * 2 ** 20 });

  it('take damaged bytes', async () => {
    await fc.assert(
      fc.asyncProperty(steps(3), async (recipe) => {
        await judge(
          () => useFiles({ 'model.safetensors': damaged(FIRST, recipe) }, 'model.safetensors'),
          recipe,
        );
      }),
      cases(1500),
    );
  });

  it('take headers that no library writes', async () => {
    const length = Number(new DataView(FIRST.buffer).getBigUint64(0, true));
    const header: unknown = JSON.parse(new TextDecoder().decode(FIRST.slice(8, 8 + length)));
    await fc.assert(
      fc.asyncProperty(jsonRecipe, async (recipe) => {
        const text = utf8(editedJson(header, recipe));
        const file = new Uint8Array(8 + text.length + FIRST.length - 8 - length);
        new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
        file.set(text, 8);
        file.set(FIRST.subarray(8 + length), 8 + text.length);
        await judge(() => useFiles({ 'model.safetensors': file }, 'model.safetensors'), recipe);
      }),
      cases(1500),
    );
  });

  it('take an index that no library writes', async () => {
    await fc.assert(
      fc.asyncProperty(jsonRecipe, async (recipe) => {
        const files = {
          [INDEX]: utf8(editedJson(MAP, recipe)),
          [SHARDS[0]]: FIRST,
          [SHARDS[1]]: SECOND,
        };
        await judge(() => useFiles(files, INDEX), recipe);
      }),
      cases(1500),
    );
  });

  it('are used to their end when nothing is wrong with them', async () => {
    const files = { [INDEX]: utf8(JSON.stringify(MAP)), [SHARDS[0]]: FIRST, [SHARDS[1]]: SECOND };
    expect(await judge(() => useFiles(files, INDEX))).toBe('accepted');
  });
});
