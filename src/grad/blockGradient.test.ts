// The gradient of every block of graphs without a golden against finite differences of the block's
// own score program, along the gradient itself.

import { describe, expect, it } from 'vitest';
import { openModel } from '../model/open/open.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { fitted } from '../model/programs/widen.ts';
import { nodeFolder } from '../node/folder.ts';
import { fixturePath } from '../testing/fixtures.ts';
import { makeGradientPrograms } from './gradientPrograms.ts';
import { Driver } from './testing/driver.ts';

const [ROWS, LENGTH] = [2, 8];
/** Step over the length of the state: some blocks are strongly curved. */
const STEP = 1e-4;

const WINDOWS = Array.from({ length: ROWS }, (_, row) =>
  Array.from({ length: LENGTH }, (_, k) => (37 * k * k + 11 * k + 101 * row + 5) % 380),
);

const length = (v: Float32Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));

describe('the gradient of every block', () => {
  it.each([
    ['selective state spaces', 'dynamo-bamba-fp32-nokv'],
    ['shared caches and per-layer embeddings', 'genai-gemma4u-fp32-cpu'],
    ['states that carry earlier streams', 'kvshare-plain'],
    ['multimodal positions', 'split-genai-qwen25vl-fp32'],
    ['4-bit weights and a merged decoder', 'split-smolvlm-q4'],
    ['long factors of rotary tables', 'genai-phi3long-fp32-cpu'],
  ])('with %s agrees with finite differences', async (_, name) => {
    const opened = await openModel(await nodeFolder(fixturePath(name)));
    const programs = fitted(makeScorePrograms(opened, { device: 'wasm' }), false);
    const run = { rows: ROWS, length: LENGTH };
    const gradients = makeGradientPrograms(opened.structure, programs, {
      run,
      predictions: ROWS * (LENGTH - 1),
      accumulate: false,
      kinds: [],
      maxBufferBytes: 2 ** 27,
    });
    const driver = await Driver.open(programs, opened.folder);
    const { states, sides } = await driver.forward(WINDOWS);
    const env = { windows: WINDOWS, sides, sums: new Map() };
    for (const [block, forward] of programs.blocks.entries()) {
      const dims = states[block]?.dims ?? [];
      const h = states[block]?.data as Float32Array;
      const dy = h.map((_, k) => Math.sin(1.7 * k));
      const { bound } = gradients.block(block, run);
      const found = await driver.run(bound, {
        ...env,
        residual: driver.state(h, dims),
        gradient: driver.state(dy, dims),
      });
      const dx = [...found.values()][0]?.data as Float32Array;
      const [size, step] = [length(dx), STEP * length(h)];
      const output = async (by: number): Promise<Float32Array> => {
        const moved = h.map((x, k) => x + (by * step * (dx[k] ?? 0)) / size);
        const y = await driver.run(forward, { ...env, residual: driver.state(moved, dims) });
        return [...y.values()][0]?.data as Float32Array;
      };
      const [near, back] = [await output(1), await output(-1)];
      const [far, farBack] = [await output(2), await output(-2)];
      const change = dy.reduce((sum, d, k) => {
        const [a = 0, b = 0, c = 0, e = 0] = [near[k], back[k], far[k], farBack[k]];
        return sum + d * (8 * (a - b) - (c - e));
      }, 0);
      // Along its own direction the gradient's slope is its length.
      expect(Math.abs(change / (12 * step) / size - 1), `block ${block}`).toBeLessThan(1e-3);
    }
    await driver.close();
  });
});
