// Estimates: exactly what the curve took where the work is the curve's, in proportion elsewhere,
// and nothing where nothing is known.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { scored, setUp } from '../testing/setUp.ts';
import {
  criteriaSeconds,
  effectSeconds,
  evaluationSeconds,
  plansSeconds,
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
  // Reading the weights needs no run.
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

test('the bundled evaluation text has the length that the page counts with', () => {
  expect(readFileSync('public/text/evaluation.txt', 'utf8').length).toBe(EVALUATION_CHARACTERS);
});
