// Quantisations of the studio on the real runtime in Node: what is kept and measured, cancelled,
// resumed by another engine, erased.

import { expect, test } from 'vitest';
import type { QuantiseEvent, QuantiseRequest } from '../../contract/quantise.ts';
import { QUANTISE_DEFAULTS } from '../../contract/quantiseDefaults.ts';
import type { QuantiseSettings } from '../../model/quantise/quantisation.ts';
import { calibrationText } from '../../testing/fixtures.ts';
import { browser } from '../testing/engines.ts';

const LENGTH = 16;
const TEXT = calibrationText().slice(0, 6000);
const WINDOWS = [0, 1].map((row) => Array.from({ length: LENGTH }, (_, t) => 300 + 7 * row + t));

const request = (
  settings: Partial<QuantiseSettings>,
  fields: Partial<QuantiseRequest> = {},
): QuantiseRequest => ({
  removed: [1],
  dtype: 'q4',
  settings: { ...QUANTISE_DEFAULTS, ...settings },
  forms: {},
  mixed: null,
  data: {
    calibration: { kind: 'text', name: 'a.txt', text: TEXT },
    samples: 3,
    length: LENGTH,
    heldOut: null,
  },
  windows: { name: 'windows', windows: WINDOWS },
  device: 'wasm',
  ...fields,
});

test('rounding is kept without bytes, and measured as a plan by the bytes it writes', async () => {
  const fresh = browser();
  const studio = await fresh();
  const asked = request({ method: 'rtn' });
  const estimate = await studio.estimateQuantise(asked);
  const { quantised } = await studio.quantise(asked, () => {});
  expect(quantised).toMatchObject({
    dtype: 'q4',
    keptBytes: 0,
    stored: true,
    bytes: estimate.bytes,
  });
  expect(quantised.matrices.map(({ form }) => form)).toEqual(
    estimate.matrices.map(({ form }) => form),
  );
  const [row] = quantised.quantisation.record.measured;
  expect(row).toMatchObject({ set: 'windows', name: 'windows' });
  await studio.useWindows(WINDOWS, 'wasm');
  const pruned = await studio.plan([1], () => {});
  const few = await studio.plan([1], () => {}, undefined, quantised.id);
  expect(few).toMatchObject({ removed: [1], quantised: quantised.id });
  expect(row!.pruned!.nll).toBeCloseTo(pruned.nll, 6);
  expect(few.nll).toBeCloseTo(row!.quantised.nll, 6);
  expect(few.nll).not.toBe(pruned.nll);

  const other = await fresh();
  expect((await other.quantisations()).quantisations).toEqual([quantised]);
  const whole = await other.quantisation(quantised.id);
  expect(whole).toEqual({ ...quantised.quantisation, computed: [] });
  expect((await other.forgetQuantisation(quantised.id)).quantisations).toEqual([]);
  await expect(other.quantisation(quantised.id)).rejects.toThrow(/no longer there/);
});

test('GPTQ is paused and cancelled, and another engine resumes it bit by bit', async () => {
  const fresh = browser();
  const asked = request({ method: 'gptq' });
  const first = await fresh();
  let cancels = false;
  const cancelled = first.quantise(asked, (event: QuantiseEvent) => {
    if (cancels || event.type !== 'progress' || event.progress.job !== 'gptq') return;
    // A block is finished by then.
    cancels = 2 * event.progress.done > event.progress.total;
    if (!cancels) return;
    void first.pause(true);
    setTimeout(() => void first.cancel(), 100);
  });
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  const [job] = await first.interrupted();
  expect(job).toMatchObject({ job: 'quantise', request: asked, missing: [] });

  const second = await fresh();
  const notes: string[] = [];
  const { quantised } = await second.quantise(asked, (event) => {
    if (event.type === 'note') notes.push(event.text);
  });
  expect(notes.some((note) => note.startsWith('Resumed at'))).toBe(true);
  expect(await second.interrupted()).toEqual([]);
  expect(quantised.keptBytes).toBeGreaterThan(0);
  const third = await browser()();
  const whole = await third.quantise(asked, () => {});
  expect(whole.quantised.id).toBe(quantised.id);
  // With float16 activations, the same integers are written.
  const stored = await (await fresh()).quantisation(quantised.id.replace('q4', 'q4f16'));
  expect(stored.id).toBe(quantised.quantisation.id);
  expect(stored.record.measured).toEqual([]);
  expect(stored.computed.length).toBeGreaterThan(0);
});
