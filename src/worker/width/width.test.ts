// Width pruning of the studio on the real runtime in Node: on the windows of the curve, cancelled,
// and what of it can be exported.

import { expect, test } from 'vitest';
import type { WidthEvent, WidthRequest } from '../../contract/comparison/width.ts';
import type { EspalierError } from '../../errors.ts';
import { browser } from '../testing/engines.ts';

const WINDOWS = [0, 1].map((row) => Array.from({ length: 16 }, (_, t) => 300 + 7 * row + t));

const request = (fields: Partial<WidthRequest> = {}): WidthRequest => ({
  methods: ['wanda-sp', 'flap'],
  amount: { ratio: 0.25 },
  multiple: 1,
  flapVariance: 'formula',
  ...fields,
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: EspalierError) => error.code,
  );

test('is measured on the windows of the curve, with the baseline of its plans', async () => {
  const studio = await browser()();
  expect(await codeOf(studio.width(request(), () => {}))).toBe('bad-input');
  await studio.useWindows(WINDOWS, 'wasm');
  const events: WidthEvent[] = [];
  const { baseline, outcomes } = await studio.width(request(), (event) => events.push(event));
  const original = await studio.plan([], () => {});
  expect(baseline.nll).toBeCloseTo(original.nll, 5);
  const [wanda, flap] = outcomes;
  // Every block of Wanda-sp loses alike; only then a config can say it.
  expect(wanda).toMatchObject({ method: 'wanda-sp', equalLayers: true, exportObstacle: null });
  expect(flap?.exportObstacle === null).toBe(flap?.equalLayers);
  expect(wanda!.removedWeights).toBeGreaterThan(0);
  expect(wanda!.measure.nllPerWindow).toHaveLength(WINDOWS.length);
  expect(wanda!.measure.nll).not.toBe(baseline.nll);
  const told = events.flatMap((event) => (event.type === 'outcome' ? [event.outcome] : []));
  expect(told).toEqual(outcomes);
  // The curve's windows are still there for plans.
  expect((await studio.plan([1], () => {})).nllPerWindow).toHaveLength(WINDOWS.length);
});

test('is cancelled, and another runs after it', async () => {
  const studio = await browser()();
  await studio.useWindows(WINDOWS, 'wasm');
  const asked = request({ methods: ['wanda-sp'] });
  let isFirst = true;
  const cancelled = studio.width(asked, () => {
    if (isFirst) void studio.cancel();
    isFirst = false;
  });
  expect(await codeOf(cancelled)).toBe('cancelled');
  const { outcomes } = await studio.width(asked, () => {});
  expect(outcomes.map(({ method }) => method)).toEqual(['wanda-sp']);
});
