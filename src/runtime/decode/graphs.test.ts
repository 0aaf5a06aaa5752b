// Models of several graphs against the numbers of other programs: scores, pruned exports, decoding.

import { describe, expect, it } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { graphChoices } from '../../model/graphs/choices.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { planSize } from '../../model/open/size.ts';
import { pairFolder } from '../../model/testing/pairFolder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { type Folder, openFile } from '../../onnx/source.ts';
import { memoryFolder } from '../../onnx/testing/text.ts';
import { type FixtureGolden, fixturePath, golden } from '../../testing/fixtures.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { verifyExport } from '../verify/verify.ts';
import { Decoder } from './decoder.ts';
import { generateGreedily } from './greedy.ts';
import { GraphRunner } from './likelihood.ts';

const FOLDERS = ['split-smolvlm-q4', 'split-genai-qwen25vl-fp32', 'merged-opt-fp32'];

async function numbersOf(folder: Folder, want: FixtureGolden): Promise<void> {
  const engine = await openWasm(nodeLoader);
  const opened = await openModel(folder);
  expect(opened.summary.canScore).toBe(true);
  const session = ScoreSession.open(opened, engine);
  const curve = await session.score(want.windows, undefined, () => {});
  expect(Math.abs(curve.baseline.nll - want.baseline!.nll)).toBeLessThan(1e-4);
  for (const block of want.blocks ?? [])
    if (block.refused === undefined)
      expect(Math.abs(curve.blocks[block.index]!.nll - block.nll)).toBeLessThan(1e-4);
  await session.dispose();
  const pruned = want.pruned.find(({ removed }) => removed.join() === '1,3')!;
  const manifest = await exportManifest(opened, [1, 3], { app: 'test' });
  const exported = await openModel(manifestFolder(manifest, folder), manifest.graph);
  const runner = await GraphRunner.open(exported, engine);
  const { rows, vocab, data } = await runner.logits(pruned.promptIds);
  const last = data.subarray((rows - 1) * vocab);
  for (const [id, logit] of pruned.top8) expect(Math.abs(last[id]! - logit)).toBeLessThan(1e-3);
  for (const cache of [true, false]) {
    const decoder = await Decoder.over(runner.loaded, { cache });
    const { ids } = await generateGreedily(decoder, pruned.promptIds, pruned.greedy.length);
    decoder.close();
    expect(ids).toEqual(pruned.greedy);
  }
  await runner.dispose();
  await engine.dispose();
}

describe('models of several graphs', () => {
  it.each(FOLDERS)('%s gives the numbers of its golden', async (name) => {
    const folder = await openFolder(fixturePath(name));
    await numbersOf(folder, golden(name));
    await folder.close();
  });

  it('a decoder in two files gives the numbers of the merged one', async () => {
    const folder = await pairFolder();
    expect(await graphChoices(folder)).toMatchObject([
      {
        path: 'onnx/decoder_model.onnx',
        components: [{ role: 'with-past', path: 'onnx/decoder_with_past_model.onnx' }],
      },
    ]);
    await numbersOf(folder, golden('merged-opt-fp32'));
  });

  it.each(FOLDERS)('the size of an export of %s is predicted', async (name) => {
    const folder = await openFolder(fixturePath(name));
    const { summary, ...opened } = await openModel(folder);
    for (const removed of [[], [1], [1, 3]]) {
      const { files } = await exportManifest({ ...opened }, removed, { app: 'test' });
      const bytes = files
        .filter(({ path }) => /\.onnx([._]data)?$/.test(path))
        .reduce((sum, { size }) => sum + size, 0);
      expect(Math.abs(planSize(summary, removed).bytes / bytes - 1)).toBeLessThan(0.01);
    }
    await folder.close();
  });
});

describe('verification of a model of several graphs', () => {
  const verdict = async (name: string, damage: (files: Map<string, Uint8Array>) => void) => {
    const folder = await openFolder(fixturePath(name));
    const opened: OpenedModel = await openModel(folder);
    const manifest = await exportManifest(opened, [1, 3], { app: 'test' });
    const source = manifestFolder(manifest, folder);
    const files = new Map<string, Uint8Array>();
    for (const { path, size } of source.files)
      files.set(path, await openFile(source, path).read(0, size));
    damage(files);
    const engine = await openWasm(nodeLoader);
    const session = ScoreSession.open(opened, engine);
    const window = golden(name).windows[0]!;
    const nll = await session.nllPerToken([1, 3], window);
    await session.dispose();
    const verification = await verifyExport(
      memoryFolder(Object.fromEntries(files)),
      manifest.graph,
      { window, nll, numBlocks: opened.summary.numBlocks - 2, source: { opened, removed: [1, 3] } },
      engine,
    );
    await engine.dispose();
    await folder.close();
    return verification;
  };

  it('passes for what was written', async () => {
    for (const name of FOLDERS) expect((await verdict(name, () => {})).status).toBe('verified');
  });

  it('fails where a graph beside the decoder is missing or differs', async () => {
    const without = await verdict('split-smolvlm-q4', (files) =>
      files.delete('onnx/vision_encoder.onnx'),
    );
    expect(without.status).toBe('failed');
    expect(without.checks.find(({ ok }) => !ok)?.detail).toMatch(/no onnx\/vision_encoder\.onnx/);
    const changed = await verdict('split-smolvlm-q4', (files) => {
      const bytes = files.get('onnx/vision_encoder.onnx')!;
      bytes[bytes.length - 1]! ^= 1;
    });
    expect(changed.status).toBe('failed');
  });

  it('fails where one branch of a merged decoder has other weights', async () => {
    const changed = await verdict('merged-opt-fp32', (files) => {
      const bytes = files.get('onnx/decoder_model_merged.onnx_data')!;
      bytes[100]! ^= 1;
    });
    expect(changed.status).toBe('failed');
  });
});
