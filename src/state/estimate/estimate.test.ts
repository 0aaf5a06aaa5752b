// Estimates: exactly what the curve took where the work is the curve's, in proportion elsewhere,
// and nothing where nothing is known.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { effectView } from '../effect/selectors.ts';
import { aWhile, scored, setUp, until } from '../testing/setUp.ts';
import {
  criteriaSeconds,
  effectIsLong,
  effectSeconds,
  evaluationSeconds,
  plansSeconds,
  QUICK,
  quickSeconds,
  scoreSeconds,
  searchRange,
  studyRange,
  sublayersSeconds,
} from './selectors.ts';
import { EVALUATION_CHARACTERS } from './texts.ts';
import type { Seconds } from './times.ts';
import { curveWork, planWork, searchWork, sublayersWork } from './work.ts';

const middle = (seconds: Seconds | null) => seconds && Math.sqrt(seconds.low * seconds.high);
const ratio = (a: Seconds | null, b: Seconds | null) => middle(a)! / middle(b)!;

test('work is counted in block runs and heads', () => {
  expect(curveWork(16, 1)).toEqual({ blocks: 136, heads: 17 });
  expect(sublayersWork(16, 1)).toEqual({ blocks: 272, heads: 33 });
  expect(searchWork(16, 2, 1)).toEqual({ blocks: 136 + 120, heads: 17 + 16 });
  expect(planWork(16, [4, '6.attn', 9], 10)).toEqual({ blocks: 100, heads: 10 });
});

test('nothing is estimated while nothing is known', async () => {
  const { actions, get } = setUp();
  expect(scoreSeconds(get())).toBeNull();
  await actions.openSample();
  for (const selector of [scoreSeconds, sublayersSeconds, searchRange, evaluationSeconds])
    expect(selector(get())).toBeNull();
  expect(criteriaSeconds(get())).toBeNull();
});

test('a curve of this session says how long the rest takes', async () => {
  const { actions, get } = await scored();
  const { seconds } = get().score.curve!.result;
  const again = scoreSeconds(get())!;
  expect(again.low).toBeLessThan(seconds);
  expect(again.high).toBeGreaterThan(seconds);
  expect(scoreSeconds(get())).toBe(again);
  expect(middle(again)! / seconds).toBeCloseTo(1, 1);

  // 64 tokens instead of 1280.
  expect(ratio(again, quickSeconds(get()))).toBeGreaterThan(15);
  expect(ratio(sublayersSeconds(get()), again)).toBeGreaterThan(1.7);
  actions.setSearch({ count: 4 });
  const search = searchRange(get())!;
  expect(search.high / again.high).toBeGreaterThan(3);
  // The curve is the first step.
  expect(search.low / again.low).toBeLessThan(2.7);
  expect(ratio(studyRange(get()), again)).toBeCloseTo(3, 6);
  expect(plansSeconds(get(), 9)!.high).toBeLessThan(again.high);
  expect(evaluationSeconds(get())!.high).toBeGreaterThan(again.high);

  expect(effectSeconds(get())).toBeNull();
  actions.toggle(7);
  const late = effectSeconds(get())!;
  expect(late.high).toBeLessThan(again.high / 8);
  expect(late.low).toBeLessThan(late.high / 1.5);
});

test('two runs are timed when nothing else is to be done, and say how long scoring takes', async () => {
  const { actions, get, studio } = setUp();
  await actions.openSample();
  await until(() => get().estimate.times.size > 0);
  // 136 blocks and 17 heads on 10 windows, and what comes before them.
  const start = 4 * 0.02 + get().model.current!.summary.bytes / (1_737_728 / 0.002);
  const runs = 10 * (136 * 0.003 + 17 * 0.005);
  expect(scoreSeconds(get())!.low).toBeLessThan(start + runs);
  expect(scoreSeconds(get())!.high).toBeGreaterThan(start + runs);
  expect(quickSeconds(get())!.high).toBeLessThan(scoreSeconds(get())!.low);
  // Once: by device, model and length.
  await aWhile();
  actions.setSettings({ samples: 20 });
  await aWhile();
  const timed = () => studio.calls.filter(({ name }) => name === 'timeRuns');
  expect(timed().map(({ args }) => args)).toEqual([
    [
      [
        { windows: 10, length: 128 },
        { windows: 2, length: 32 },
      ],
    ],
  ]);
  actions.setSettings({ length: 64 });
  await until(() => timed().length === 2);
  expect(timed()[1]!.args).toEqual([[{ windows: 20, length: 64 }]]);
});

test('what cannot be timed is not tried again; what gave way to a job is', async () => {
  const { actions, get, studio } = setUp();
  studio.failNext('timeRuns', new EspalierError('too-large', 'One block is too large.'));
  await actions.openSample();
  await until(() => get().estimate.times.has('auto'));
  await aWhile();
  expect(studio.calls.filter(({ name }) => name === 'timeRuns')).toHaveLength(1);
  expect(get().errors).toEqual({});
  expect(scoreSeconds(get())).toBeNull();

  const other = setUp();
  other.studio.failNext('timeRuns', new EspalierError('cancelled', 'Cancelled.'));
  await other.actions.openSample();
  await until(() => other.get().estimate.times.has('auto'));
  expect(other.studio.calls.filter(({ name }) => name === 'timeRuns')).toHaveLength(2);
});

test('a scoring that starts at once is not kept waiting by timed runs', async () => {
  const { actions, studio } = setUp();
  await actions.openSample();
  await actions.scoreOn(QUICK);
  await aWhile();
  expect(studio.calls.map(({ name }) => name)).not.toContain('timeRuns');
  const call = studio.calls.find(({ name }) => name === 'score');
  expect(call!.args[0]).toMatchObject({ samples: 2, length: 32 });
});

test('a perplexity that takes long is not measured by itself, but on request', async () => {
  // Half an hour for the curve: more than a minute for a plan.
  const { actions, get, studio } = await scored({}, { curveSeconds: 1800 });
  actions.toggle(2);
  expect(effectIsLong(get())).toBe(true);
  await aWhile();
  const plans = () => studio.calls.filter(({ name }) => name === 'plan').length;
  expect(plans()).toBe(0);
  expect(effectView(get())).toMatchObject({ stale: true, waiting: false });
  actions.measureAgain();
  await until(() => !effectView(get()).stale);
  expect(plans()).toBe(1);
  // Going back to it costs nothing, and so does not ask.
  actions.toggle(2);
  actions.toggle(2);
  await until(() => !effectView(get()).stale);
  expect(plans()).toBe(1);
});

test('the bundled evaluation text has the length that the page counts with', () => {
  expect(readFileSync('public/text/evaluation.txt', 'utf8').length).toBe(EVALUATION_CHARACTERS);
});
