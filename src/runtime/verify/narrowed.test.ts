// Narrower exports are verified against the source with what is gone multiplied by zero.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { dtypeSteps, type StepChoice } from '../../model/export/steps.ts';
import { openModel } from '../../model/open/open.ts';
import type { WidthPlan } from '../../model/width/types.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { quantiseSteps } from '../quantise/testing/byRounding.ts';
import { expectedNll } from '../score/exported.ts';
import { ScoreSession } from '../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../testing/cpuDevices.ts';
import { verifyExport } from './verify.ts';

const WINDOW = Array.from({ length: 12 }, (_, t) => (t * 37 + 3) % 300);

let engine: Engine;
beforeAll(async () => {
  engine = await openCpu(DEFAULT_KIND);
});
afterAll(() => engine.dispose());

/** Every block loses a key-value group and some channels. */
const planOf = (blocks: number, channels: number[]): WidthPlan => ({
  ...{ method: 'wanda-sp', ratio: 0.5, multiple: 1 },
  blocks: Array.from({ length: blocks }, (_, k) => ({
    ...{ groups: [k % 2], channels },
    ...{ attentionBias: null, feedForwardBias: null },
  })),
});

test.each(['dynamo-llama-op23', 'hf-qwen2-fp32'])('narrower exports of %s', async (name) => {
  const opened = await openModel(await openFolder(fixturePath(name)));
  const session = ScoreSession.open(opened, engine);
  const numBlocks = opened.structure.blocks.length;
  const width = planOf(numBlocks, [0, 3, 4, 17]);
  const steps: StepChoice[] = [{ step: 'width', width }];
  const nll = await expectedNll(session, opened, { removed: [], steps }, WINDOW);
  const verified = async (made: StepChoice[], planned: StepChoice[]) => {
    const manifest = await exportManifest(opened, [], { app: 'test', steps: made });
    const expected = { window: WINDOW, nll, numBlocks, steps: planned };
    const source = { opened, removed: [] };
    const folder = manifestFolder(manifest, opened.folder);
    return verifyExport(folder, manifest.graph, { ...expected, source }, engine);
  };
  const right = await verified(steps, steps);
  expect(right.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(right.status).toBe('verified');
  expect(right.checks.map((check) => check.name)).toContain('source without what was removed');
  const half: StepChoice[] = [...steps, ...dtypeSteps('fp16')];
  expect((await verified(half, half)).status).toBe('verified');
  const other = planOf(numBlocks, [0, 3, 4, 18]);
  const wrong = await verified([{ step: 'width', width: other }], steps);
  expect(wrong.checks.flatMap((check) => (check.ok ? [] : check.name))).toEqual([
    'bytes of every tensor',
    'likelihood of one window',
    'source without what was removed',
  ]);
  await session.dispose();
});

test('few bits that are rounded again, or made of what is narrower', async () => {
  for (const [name, more, remarks] of [
    ['gguf-llama-q4_0', [], [expect.stringMatching(/^5 matrices of few bits are rounded again/)]],
    ['hf-qwen2-fp32', ['q4'], []],
  ] as const) {
    const opened = await openModel(await openFolder(fixturePath(name)));
    const numBlocks = opened.structure.blocks.length;
    const width = planOf(numBlocks, [0, 3, 4, 17]);
    const few = more.flatMap((dtype) => quantiseSteps({}, dtype, []));
    const steps: StepChoice[] = [{ step: 'width', width }, ...few];
    const session = ScoreSession.open(opened, engine);
    const nll = await expectedNll(session, opened, { removed: [], steps }, WINDOW);
    await session.dispose();
    const manifest = await exportManifest(opened, [], { app: 'test', steps });
    expect(manifest.remarks).toEqual(remarks);
    const expected = { window: WINDOW, nll, numBlocks, steps, source: { opened, removed: [] } };
    const folder = manifestFolder(manifest, opened.folder);
    const { checks, status } = await verifyExport(folder, manifest.graph, expected, engine);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(status).toBe('verified');
  }
});
