// About how much an export of every precision writes.

import { describe, expect, it } from 'vitest';
import { exportManifest } from '../../model/export/manifest.ts';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { samplePath } from '../../testing/fixtures.ts';
import { bytesAlong } from './along.ts';

describe('bytesAlong', () => {
  it('is about what the other precision of the sample writes', async () => {
    const folder = await openFolder(samplePath());
    const opened = await openModel(folder, 'onnx/model.onnx');
    const other = await openModel(folder, 'onnx/model_q4.onnx');
    const choice = {
      path: other.summary.graph,
      model: '',
      dtype: other.summary.dtype,
      bytes: other.summary.bytes,
    };
    const removed = [2, 7, 8, 9];
    const { files } = await exportManifest(other, removed, { app: 'test' });
    const written = files
      .filter(({ path }) => path.startsWith('onnx/'))
      .reduce((sum, { size }) => sum + size, 0);
    expect(bytesAlong(opened.summary, removed, [choice]) / written).toBeCloseTo(1, 1);
    // What belongs to both is written once.
    const vision = { role: 'vision', path: 'onnx/vision.onnx', bytes: 1000 } as const;
    const both = { ...opened.summary, components: [vision] };
    const bytes = bytesAlong(both, [], [{ ...choice, components: [vision] }]);
    expect(bytes).toBe(choice.bytes - 1000);
  });
});
