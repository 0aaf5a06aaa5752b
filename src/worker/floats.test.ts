// A GGUF file in 8 bits on the page: as it is stored, and through float32 where 4 bits need that.

import { expect, test } from 'vitest';
import type { QuantiseRequest } from '../contract/quantise.ts';
import { QUANTISE_DEFAULTS } from '../contract/quantiseDefaults.ts';
import { calibrationText } from '../testing/fixtures.ts';
import { browser } from './testing/engines.ts';

const LENGTH = 16;
const WINDOWS = [0, 1].map((row) => Array.from({ length: LENGTH }, (_, t) => 40 + 7 * row + t));
const TEXT = { kind: 'text', name: 'a.txt', text: calibrationText().slice(0, 3000) } as const;

test('fewer bits are computed from floats, and the stored model is scored on', async () => {
  const studio = await browser('gguf-llama-q8_0')();
  await studio.useWindows(WINDOWS, 'wasm');
  const before = await studio.plan([1], () => {});
  const stored = await studio.writtenSizes([]);
  const half = await studio.writtenSizes([{ step: 'float16' }]);
  // 32 bits of a float and 8 of a matrix, against 16 of both.
  expect(half.blocks[0]!.feedForward / stored.blocks[0]!.feedForward).toBeGreaterThan(1.5);
  const request: QuantiseRequest = {
    removed: [1],
    dtype: 'q4',
    settings: { ...QUANTISE_DEFAULTS, method: 'gptq' },
    forms: {},
    mixed: null,
    data: { calibration: TEXT, samples: 2, length: LENGTH, heldOut: null },
    device: 'wasm',
  };
  const { quantised } = await studio.quantise(request, () => {});
  expect(quantised.matrices.some(({ form }) => form === 4)).toBe(true);
  const measured = await studio.plan([1], () => {}, undefined, quantised.id);
  expect(Math.abs(measured.nll - before.nll)).toBeLessThan(0.5);
  expect(measured.nll).not.toBe(before.nll);
  expect((await studio.plan([1], () => {})).nll).toBe(before.nll);
  const settings = { ...QUANTISE_DEFAULTS, bits: 8 as const };
  await expect(studio.quantise({ ...request, dtype: 'q8', settings }, () => {})).rejects.toThrow(
    'left to quantise',
  );
});
