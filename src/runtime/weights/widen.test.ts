// float16 graphs on a device without float16: widened to float32, they give the likelihoods of
// their goldens, streamed as well.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openModel } from '../../model/open/open.ts';
import { usesHalf } from '../../model/programs/widen.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';

let engine: Engine;
let without: Engine;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
  without = Object.create(engine, { float16: { value: false } });
});
afterAll(() => engine.dispose());

describe.each(['optimum-llama-fp16', 'optimum-llama-q4f16', 'genai-llama-fp16-webgpu'])(
  '%s',
  (name) => {
    test('computes in float32 alone and meets its golden', async () => {
      const folder = await openFolder(fixturePath(name));
      const opened = await openModel(folder);
      const { windows, baseline, blocks } = golden(name);
      const half = ScoreSession.open(opened, engine);
      expect(usesHalf(half.programs)).toBe(true);
      const wide = ScoreSession.open(opened, without);
      expect(usesHalf(wide.programs)).toBe(false);
      expect(wide.programs.residualType).toBe('float32');
      expect(wide.programs.rewrites.join()).toContain('float16 computed as float32');
      expect(wide.memory(1, 8).weights).toBeGreaterThan(half.memory(1, 8).weights);
      expect(wide.memory(1, 8).bytesRead).toBe(half.memory(1, 8).bytesRead);
      const curve = await wide.score(windows, undefined, () => {});
      expect(Math.abs(curve.baseline.nll - (baseline?.nll ?? Number.NaN))).toBeLessThan(2e-3);
      for (const want of blocks ?? [])
        if (want.refused === undefined)
          expect(Math.abs((curve.blocks[want.index]?.nll ?? Number.NaN) - want.nll)).toBeLessThan(
            2e-3,
          );
      // Too little for all weights and the states of one window.
      await wide.setBudget(Math.max(232 * 1024, wide.memory(1, 8).weights));
      const streamed = await wide.score(windows, undefined, () => {});
      expect(streamed.baseline.nllPerWindow).toEqual(curve.baseline.nllPerWindow);
      await wide.dispose();
      await half.dispose();
      await folder.close();
      expect(engine.ledger.total()).toBe(0);
    });
  },
);
