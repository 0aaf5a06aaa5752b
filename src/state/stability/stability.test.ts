// The order of the calibration study: known after it, used with one action.

import { expect, it } from 'vitest';
import { currentOrder, knownOrders } from '../criteria/orders.ts';
import { pathsView } from '../search/selectors.ts';
import { scored } from '../testing/setUp.ts';
import type { StudyRunResult } from './state.ts';

/** A run of the study in which two blocks have changed places. */
function swapped(run: StudyRunResult, a: number, b: number): StudyRunResult {
  const of = (index: number) => run.result.blocks.find((block) => block.index === index)!;
  const other = new Map([
    [a, b],
    [b, a],
  ]);
  const blocks = run.result.blocks.map((block) => ({
    ...of(other.get(block.index) ?? block.index),
    index: block.index,
  }));
  return { ...run, result: { ...run.result, blocks } };
}

it('the order of the study joins the others; its lowest become the plan in one step', async () => {
  const { actions, get, store } = await scored();
  actions.takeStudyOrder();
  expect(knownOrders(get()).some(({ name }) => name === 'study')).toBe(false);
  actions.dropLowest(2);
  expect(get().plan.present.removed).toEqual([7, 9]);
  await actions.studyStability();
  // The runs, three against the one curve, have blocks 9 and 12 the other way round.
  const runs = get().stability.runs.map((run) => swapped(run, 9, 12));
  store.state.setState(({ stability }) => ({ stability: { ...stability, runs } }));
  const study = knownOrders(get()).find(({ name }) => name === 'study')!;
  expect(study.take([7, 9, 12], 2)).toEqual([7, 12]);
  expect(pathsView(get()).series.map(({ name }) => name)).toContain('study');
  expect(get().plan.present.removed).toEqual([7, 9]);
  const steps = get().plan.past.length;
  actions.takeStudyOrder();
  expect(currentOrder(get())?.name).toBe('study');
  expect(get().plan.present.removed).not.toContain(9);
  expect(get().plan.present.removed).toHaveLength(2);
  expect(get().plan.past).toHaveLength(steps + 1);
  // More of them follow the same order.
  actions.dropLowest(3);
  expect(get().plan.present.removed).toEqual(
    [...study.take([...Array(16).keys()], 3)].sort((a, b) => a - b),
  );
  actions.forgetStudy();
  expect(currentOrder(get())?.name).toBe('ppl');
});
