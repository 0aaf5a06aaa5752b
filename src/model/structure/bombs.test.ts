// Files that are small and would be much work: every step stays near linear in what the file holds,
// and the limits end what does not.

import { describe, expect, it } from 'vitest';
import { guardedFolder, judge } from '../../onnx/testing/hostile.ts';
import { exportManifest } from '../export/manifest.ts';
import { openModel } from '../open/open.ts';
import { bombBytes, bombs } from '../testing/bombs.ts';

const SCALE = 0.15;
/** A step of quadratic cost takes minutes of processor time here, a linear one a second. */
const PATIENCE_MS = 3000;

describe(`decoders blown up to ${SCALE} of the limits`, () => {
  it.each(Object.keys(bombs(SCALE)))('%s', async (name) => {
    const bytes = bombBytes(name, SCALE);
    const folder = guardedFolder({ 'model.onnx': bytes });
    const heap = process.memoryUsage().heapUsed;
    await judge(async () => {
      const opened = await openModel(folder);
      await exportManifest(opened, opened.structure.blocks[1]?.unremovable === null ? [1] : [], {
        app: 'test',
      });
    }, PATIENCE_MS);
    expect((process.memoryUsage().heapUsed - heap) / 2 ** 20, 'MB').toBeLessThan(512);
  });
});
