// Every kind of block: refitted, so that the model comes near to the original again, or refused
// with the reason. The weights are random, so that only the original's NLL tells what is right.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { ScoreSession } from '../score/session.ts';
import { openCpu } from '../testing/cpuDevices.ts';
import { refit } from './refit.ts';
import { healed } from './testing/healed.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openCpu('wasm');
});
afterAll(() => engine.dispose());

const REMOVED = [2];

async function opened(name: string) {
  const folder = await openFolder(fixturePath(name));
  const model = await openModel(folder);
  const session = ScoreSession.open(model, engine);
  const { windows } = golden(name);
  const { structure } = model;
  const found = await session.alone((given) =>
    refit({
      ...given,
      structure,
      removed: REMOVED,
      settings: { all: false, ridge: 1e-3 },
      windows,
      onProgress: () => {},
    }),
  );
  return { folder, session, windows, found };
}

// Biases and fused projections, blocks side by side, experts, convolutions, grouped 4-bit matrices
// with and without zero points, float16, products written out in other ways.
it.each([
  ['optimum-bloom-fp32', [256, 64]],
  ['optimum-gptneox-fp32', [128, 64]],
  ['optimum-qwen3moe-fp32', [64, 64]],
  ['merged-opt-fp32', [64, 32]],
  ['kvshare-plain', [64, 32]],
  ['genai-lfm2-fp32-cpu', [96, 64]],
  ['genai-llama-fp16-webgpu', [96, 64]],
  ['genai-llama-int4-webgpu', [96, 64]],
  ['genai-llama-int4-webgpu-qdq', [96, 64]],
  ['split-smolvlm-q4', [96, 64]],
])('a block of %s is refitted', async (name, size) => {
  const { folder, session, windows, found } = await opened(name);
  const [product] = found.products;
  expect([product?.inputs, product?.outputs]).toEqual(size);
  expect(product!.after).toBeLessThan(product!.before);
  const [window = []] = windows;
  const original = await session.nllPerToken([], window);
  const pruned = await session.nllPerToken(REMOVED, window);
  const healing = await healed(REMOVED, found);
  const refitted = await session.nllPerToken(REMOVED, window, undefined, undefined, healing);
  const distance = (nll: Float32Array) =>
    nll.reduce((sum, value, at) => sum + Math.abs(value - original[at]!), 0);
  expect(distance(refitted)).toBeLessThan(0.5 * distance(pruned));
  await session.dispose();
  await folder.close();
  expect(engine.ledger.total()).toBe(0);
});

it.each([
  ['genai-gemma2-fp32-cpu', /^Block 1 before block 2 is not refitted: a norm stands between/],
  ['optimum-gemma3-fp32', /^Block 1 before block 2 is not refitted: a norm stands between/],
  ['optimum-llama-int8', /its products are computed with 8-bit integers/],
])('a block of %s is refused', async (name, why) => {
  const { folder, session, found } = await opened(name);
  expect(found.changes).toEqual([]);
  expect(found.notes).toEqual([expect.stringMatching(why)]);
  await session.dispose();
  await folder.close();
});
