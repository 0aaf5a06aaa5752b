// Written quantisations are verified by the studio's own run of them; a wrong bit is found.

import { afterAll, expect, test } from 'vitest';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { openModel } from '../../model/open/open.ts';
import type { QuantiseSettings } from '../../model/quantise/quantisation.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { Folder } from '../../onnx/source.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import { quantiseSteps } from '../quantise/testing/byRounding.ts';
import { expectedNll } from '../score/exported.ts';
import { ScoreSession } from '../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../testing/cpuDevices.ts';
import { verifyExport } from './verify.ts';

const engine = await openCpu(DEFAULT_KIND);
afterAll(() => engine.dispose());

const NAME = 'optimum-llama-fp32';

async function written(settings: Partial<QuantiseSettings>, dtype: 'q4' | 'q4f16' | 'q8') {
  const opened = await openModel(await openFolder(fixturePath(NAME)), 'onnx/model.onnx');
  const removed = [1];
  const steps = quantiseSteps(settings, dtype, removed);
  const window = golden(NAME).windows[0]!.slice(0, 16);
  const session = ScoreSession.open(opened, engine);
  const nll = await expectedNll(session, opened, { removed, steps }, window);
  await session.dispose();
  const manifest = await exportManifest(opened, removed, { app: 'test', steps });
  const numBlocks = opened.structure.blocks.length - 1;
  const expected = { window, nll, numBlocks, source: { opened, removed }, steps };
  const verify = (folder: Folder) => verifyExport(folder, manifest.graph, expected, engine);
  return { manifest, folder: manifestFolder(manifest, opened.folder), verify };
}

test.each([
  [{ embedding: 8, head: 8 }, 'q4', 1e-3],
  [{ method: 'hqq', floatZeros: true, block: 16 }, 'q4', 1e-3],
  [{ symmetric: true, head: 4 }, 'q4f16', 1e-3],
  // Rounded activations turn on the last bit of a sum.
  [{ bits: 8, accuracyLevel: 4 }, 'q8', 2e-2],
] as const)('%j as %s', async (settings, dtype, limit) => {
  const { folder, verify } = await written(settings, dtype);
  const { status, checks } = await verify(folder);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(status).toBe('verified');
  const { detail = '' } = checks.find(({ name }) => name === 'likelihood of one window') ?? {};
  expect(detail).toContain(`limits ${limit},`);
});

test('a flipped bit', async () => {
  const { manifest, folder, verify } = await written({}, 'q4');
  const data = manifest.files.find(({ path }) => path.endsWith('_data'))!;
  const made = data.parts.findIndex((part) => 'from' in part);
  const first = data.parts.slice(0, made).reduce((sum, { length }) => sum + length, 0);
  const wrong: Folder = {
    ...folder,
    open(path) {
      const source = folder.open(path);
      if (!source || path !== data.path) return source;
      const read = async (offset: number, length: number) => {
        const bytes = await source.read(offset, length);
        const at = first - offset;
        if (at >= 0 && at < length) bytes[at]! ^= 1;
        return bytes;
      };
      return { size: source.size, read };
    },
  };
  const { status, checks } = await verify(wrong);
  expect(status).toBe('failed');
  expect(checks.find(({ name }) => name === 'bytes of every tensor')).toMatchObject({
    ok: false,
    detail: expect.stringContaining('differs from what the export computes from the source'),
  });
});
