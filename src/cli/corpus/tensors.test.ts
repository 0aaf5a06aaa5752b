// Rows without a graph, and files of tensors named alone, as the command line takes them.

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import { inspect } from '../inspect.ts';
import { type CorpusRow, corpus } from './corpus.ts';
import { tensorDifferences } from './tensors.ts';
import type { CorpusGolden } from './types.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'espalier-tensors-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const json = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));

test('corpus holds checkpoints and GGUF files against their goldens', async () => {
  const rows = [
    { folder: 'hf-llama-sharded', kind: 'safetensors', dtype: 'bf16', numBlocks: 5 },
    { folder: 'gguf-qwen2-q8_0', kind: 'gguf', dtype: 'q8_0', numBlocks: 5 },
  ];
  for (const { folder } of rows) symlinkSync(fixturePath(folder), join(root, folder));
  writeFileSync(join(root, 'corpus2.json'), JSON.stringify(rows));
  const goldens = fixturePath('golden');
  expect(await corpus([root, '--golden', goldens, '--json', join(root, 'rows.json')])).toBe(0);
  const [sharded, gguf] = json('rows.json').rows as CorpusRow[];
  expect(sharded).toMatchObject({ ok: true, prunedChecked: 5, partsVerified: 2 });
  expect(sharded!.maxNllDiff).toBeLessThan(1e-5);
  expect(sharded!.maxRoundedNllDiff).toBeNull();
  expect(gguf).toMatchObject({ ok: true, prunedChecked: 5, greedyEqual: true });
  expect(gguf!.maxNllDiff).toBeLessThan(1e-4);
  // llama.cpp rounds activations, which is more than that.
  expect(gguf!.maxRoundedNllDiff).toBeGreaterThan(1e-3);
});

test('tensors that are not those of the golden are named', async () => {
  const opened = await openModel(await openFolder(fixturePath('hf-llama-tied')));
  const { tensors } = golden<CorpusGolden>('hf-llama-tied').prunedFolder!;
  const differences = await tensorDifferences(opened, tensors);
  expect(differences).toContain('model.layers.3.mlp.up_proj.weight is not in the golden');
  expect(differences).toContain('model.layers.1.mlp.up_proj.weight has other bytes');
  expect(differences).not.toContain('model.layers.0.mlp.up_proj.weight has other bytes');
  const more = { 'x.weight': { dtype: 'F32', shape: [1], sha256: '' } };
  expect(await tensorDifferences(opened, more)).toContain('there is no x.weight');
});

test('a file of tensors that is named alone is a model with what belongs to it', async () => {
  const folder = join(root, 'one');
  cpSync(fixturePath('hf-llama-sharded'), folder, { recursive: true });
  cpSync(fixturePath('gguf-llama-q4_0'), folder, { recursive: true });
  writeFileSync(join(folder, 'model.safetensors'), '');
  const summaryOf = async (path: string) => {
    expect(await inspect([path, '--json', join(root, 'inspect.json')])).toBe(0);
    return json('inspect.json');
  };
  const index = 'model.safetensors.index.json';
  expect(await summaryOf(join(folder, index))).toMatchObject({ name: 'one', graph: index });
  const shard = join(folder, 'model-00002-of-00004.safetensors');
  const shards = (await openFolder(shard)).files.map(({ path }) => path);
  expect(shards).toContain('model-00001-of-00004.safetensors');
  expect(shards).not.toContain('model.safetensors');
  expect(await summaryOf(shard)).toMatchObject({ graph: index, layout: 'safetensors' });
  const gguf = await summaryOf(join(folder, 'tiny-llama-Q4_0.gguf'));
  expect(gguf).toMatchObject({ name: 'tiny-llama-Q4_0', layout: 'gguf', dtype: 'q4_0' });
  await expect(inspect([folder])).rejects.toThrow('one has 3 models. Name one:');
  await expect(inspect([join(folder, 'config.json')])).rejects.toThrow(
    'config.json is not a folder, nor a GGUF or safetensors file.',
  );
});
