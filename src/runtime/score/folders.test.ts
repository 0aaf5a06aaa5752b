// Folders as people have them: no config, tensors kept in unusual ways, a root above the graph.
// Numbers are PyTorch's and ONNX Runtime's on the source graph.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { withoutConfigs } from '../../model/testing/withoutConfigs.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { caseExpect, casePath, fixturePath, golden } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { verifyExport } from '../verify/verify.ts';
import { ScoreSession } from './session.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

async function curveOf(opened: OpenedModel, windows: number[][]): Promise<number[]> {
  const session = ScoreSession.open(opened, engine);
  const { baseline, blocks } = await session.score(windows, undefined, () => {});
  await session.dispose();
  return [baseline.nll, ...blocks.map(({ nll }) => nll)];
}

/** What an export without the blocks gives on one window, and the checks that failed. */
async function verified(opened: OpenedModel, removed: number[], window: number[]) {
  const manifest = await exportManifest(opened, removed, { app: 'test' });
  const session = ScoreSession.open(opened, engine);
  const nll = await session.nllPerToken(removed, window);
  await session.dispose();
  const expected = {
    window,
    nll,
    numBlocks: opened.structure.blocks.length - removed.length,
    source: { opened, removed },
  };
  const written = manifestFolder(manifest, opened.folder);
  return await verifyExport(written, manifest.graph, expected, engine);
}

interface Right {
  right: {
    windows: number[][];
    nll_intact: number;
    nll_without_block: number[];
    nll_without_1_and_3: number;
    tolerance: number;
  };
}

test.each([
  'no-config',
  'repo-root-genai-subfolder',
  'external-length-zero',
  'external-constant-values',
  'typed-fields',
  'windows-separator',
])('%s gives the right curve, and a verified export', async (name) => {
  const { right } = caseExpect<Right>(name);
  const opened = await openModel(await openFolder(casePath(`${name}/model`)));
  expect(opened.root.folder.open('tokenizer.json')).not.toBeNull();
  const curve = await curveOf(opened, right.windows);
  const want = [right.nll_intact, ...right.nll_without_block];
  for (const [k, nll] of want.entries())
    expect(Math.abs((curve[k] ?? Number.NaN) - nll)).toBeLessThan(right.tolerance);
  const manifest = await exportManifest(opened, [1, 3], { app: 'test' });
  const pruned = await openModel(manifestFolder(manifest, opened.folder), manifest.graph);
  const [nll = Number.NaN] = await curveOf(pruned, right.windows);
  expect(Math.abs(nll - right.nll_without_1_and_3)).toBeLessThan(right.tolerance);
  const { status, checks } = await verified(opened, [1, 3], right.windows[0] ?? []);
  expect(checks.find((check) => /likelihood/.test(check.name))?.detail).toMatch(/^NLL .* against/);
  expect(status).toBe('verified');
});

test.each(['optimum-llama-fp32', 'genai-llama-int4-webgpu', 'dynamo-llama-op23'])(
  '%s scores the same without its config files, and its export is verified',
  async (name) => {
    const folder = await openFolder(fixturePath(name));
    const windows = golden(name).windows.slice(0, 1);
    const bare = await openModel(withoutConfigs(folder));
    const [a, b] = [await curveOf(await openModel(folder), windows), await curveOf(bare, windows)];
    expect(b).toEqual(a);
    expect((await verified(bare, [1], windows[0] ?? [])).status).toBe('verified');
  },
);
