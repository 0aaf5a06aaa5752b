// Every family of the table, in the forms that its config can have: likelihoods of the graph that
// is made, intact and without each block, are those of Transformers.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { ScoreSession } from '../../runtime/score/session.ts';
import { DEFAULT_KIND, openCpu } from '../../runtime/testing/cpuDevices.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import { manifestFolder } from '../export/folder.ts';
import { exportManifest } from '../export/manifest.ts';
import { openModel } from '../open/open.ts';
import { MADE_FAMILIES } from './families/table.ts';
import { tinyCheckpoint, tinyGoldens } from './testing/tinyCheckpoint.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openCpu(DEFAULT_KIND);
});
afterAll(() => engine.dispose());

test.each(Object.entries(tinyGoldens()))('%s', async (_, tiny) => {
  const opened = await openModel(tinyCheckpoint(tiny));
  const session = ScoreSession.open(opened, engine);
  const { baseline, blocks } = await session.score([tiny.window], undefined, () => {});
  await session.dispose();
  expect(Math.abs(baseline.nll - tiny.nll)).toBeLessThan(1e-5);
  const differences = blocks.map(({ nll }, k) => Math.abs(nll - tiny.without[k]!));
  expect(differences).toHaveLength(tiny.without.length);
  expect(Math.max(...differences)).toBeLessThan(1e-5);
});

/** Where the config says by the position of a block what it does. */
const BY_POSITION = ['qwen2, windows', 'smollm3', 'smollm3, windows', 'gemma2', 'gemma3', 'olmo3'];

test.each(BY_POSITION)('%s, pruned in its own format and opened again', async (name) => {
  const tiny = tinyGoldens()[name]!;
  const folder = tinyCheckpoint(tiny);
  const manifest = await exportManifest(await openModel(folder), [1], { app: 'test' });
  const again = await openModel(manifestFolder(manifest, folder), manifest.graph);
  const session = ScoreSession.open(again, engine);
  const { baseline } = await session.score([tiny.window], undefined, () => {});
  await session.dispose();
  expect(manifest.format).toBe('safetensors');
  expect(Math.abs(baseline.nll - tiny.without[1]!)).toBeLessThan(1e-5);
});

test('a graph that is made computes what that of the onnxruntime-genai builder does', async () => {
  const { windows } = golden('hf-llama-fp32');
  const curves = [];
  for (const name of ['hf-llama-fp32', 'genai-llama-fp32-webgpu']) {
    const session = ScoreSession.open(await openModel(await openFolder(fixturePath(name))), engine);
    curves.push(await session.score(windows, undefined, () => {}));
    await session.dispose();
  }
  const [made, built] = curves.map(({ baseline, blocks }) =>
    [baseline, ...blocks].flatMap(({ nllPerWindow }) => nllPerWindow),
  );
  expect(made).toHaveLength(18);
  for (const [k, nll] of made!.entries()) expect(Math.abs(nll - built![k]!)).toBeLessThan(1e-5);
});

test('every family of the table is among them', () => {
  const types = Object.values(tinyGoldens()).map(({ config }) => String(config.model_type));
  expect([...new Set(types)].sort()).toEqual(MADE_FAMILIES);
});
