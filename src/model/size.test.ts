// The bytes predicted for a plan are the bytes that its export writes.

import { describe, expect, it } from 'vitest';
import { corpus, fixturePath, nodeFolder, samplePath } from '../onnx/testing/fixtures.ts';
import { exportManifest } from './manifest.ts';
import { openModel } from './open.ts';
import { planSize } from './size.ts';

const models = [
  { name: 'sample', path: samplePath(), graph: 'onnx/model.onnx' },
  { name: 'sample, 4-bit', path: samplePath(), graph: 'onnx/model_q4.onnx' },
  ...corpus()
    .filter((row) => row.supported)
    .map((row) => ({ name: row.folder, path: fixturePath(row.folder), graph: row.file })),
];

describe('planSize', () => {
  it.each(models)('predicts the export of $name within 1 %', async ({ path, graph }) => {
    const folder = await nodeFolder(path);
    const opened = await openModel(folder, graph);
    const { summary } = opened;
    const removable = summary.blocks.filter((b) => b.unremovable === undefined).map((b) => b.index);
    for (const removed of [[], removable.slice(1, 2), [removable[0] ?? 0, removable.at(-1) ?? 0]]) {
      const { files, graph: written } = await exportManifest(opened, removed, { app: 'test' });
      const bytes = files.filter((f) => f.path === written || /\.onnx[._]data/.test(f.path)).reduce((n, f) => n + f.size, 0);
      expect(Math.abs(planSize(summary, removed).bytes - bytes) / bytes).toBeLessThan(removed.length === 0 ? 1e-3 : 0.01);
    }
    await folder.close();
  });
});
