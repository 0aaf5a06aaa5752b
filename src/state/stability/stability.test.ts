// The order of the calibration study: known after it, used with one action.

import { expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { gradientObstacle } from '../criteria/gradients.ts';
import { currentOrder, knownOrders } from '../criteria/orders.ts';
import { studyRecord } from '../export/study.ts';
import { type AnyPart, merge, pack, pick, unpack } from '../kept/part.ts';
import { pathsView } from '../search/selectors.ts';
import { scored, until } from '../testing/setUp.ts';
import { missingRuns, planWithinNoise, stabilityView, studyObstacle } from './selectors.ts';
import { STABILITY, type StudyRunResult } from './state.ts';

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

it('studies Taylor beside perplexity; runs of the two are kept apart', async () => {
  const { actions, get, studio } = await scored();
  actions.setStudy({ seeds: 2 });
  await actions.studyStability();
  const ofPpl = get().stability.runs;
  actions.setStudyCriterion('taylor');
  expect(stabilityView(get())).toBeNull();
  expect(missingRuns(get())).toHaveLength(2);
  await actions.studyStability();
  expect(get().stability).toMatchObject({ runs: ofPpl, criterion: 'taylor' });
  expect(get().stability.taylorRuns.map(({ key }) => key)).toEqual(ofPpl.map(({ key }) => key));
  expect(studio.calls.filter(({ args: [source] }) => source === 'taylor')).toHaveLength(2);
  expect(studyObstacle(get())).toBe('All these runs are done.');
  // What is known on the windows of the curve is one more run.
  expect(stabilityView(get())!.runs).toHaveLength(2);
  await actions.compareCriteria();
  expect(stabilityView(get())!.runs.map(({ label }) => label)[0]).toBe('current curve');
  const { block } = get().criteria.measured.taylor!.result.data.linear;
  const lowest = [...block.keys()].sort((a, b) => block[a]! - block[b]!);
  const study = knownOrders(get()).find(({ name }) => name === 'study')!;
  expect(study.label).toBe('study order by Taylor');
  expect(study.take(lowest, 3)).toEqual(lowest.slice(0, 3));
  // Whether a plan is within noise is asked of perplexity alone.
  actions.dropLowest(2);
  await until(() => get().effect.shown !== null);
  expect(planWithinNoise(get())!.windows).toBe(30);
  expect(studyRecord(get())!.criteria.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'taylor',
      'taylor-norms',
      'taylor-10x128-seed-0-calibration.txt',
      'taylor-norms-10x128-seed-1-calibration.txt',
    ]),
  );
  actions.forgetStudy();
  expect(get().stability).toMatchObject({ runs: ofPpl, taylorRuns: [] });
});

it('does not study Taylor where the model has no gradients, and says so', async () => {
  const { actions, get, studio } = await scored();
  studio.failNext('gradientMemory', new EspalierError('unsupported-op', 'Scan has no gradient.'));
  actions.openWorkspace('compare');
  await until(() => gradientObstacle(get()) !== null);
  expect(studyObstacle(get())).toBeNull();
  actions.setStudyCriterion('taylor');
  expect(studyObstacle(get())).toBe('Scan has no gradient.');
});

it('of an older version is without runs of Taylor, and loads', () => {
  const { first } = STABILITY;
  const kept = STABILITY.kept as unknown as AnyPart;
  const { criterion: _, taylorRuns: __, ...older } = pack(kept, { ...first, k: 5 }).fields;
  const fields = unpack(kept, { version: 1, fields: older })!;
  const own = pick(kept, first as never);
  expect(merge(kept, own, own, fields)).toMatchObject({
    criterion: 'ppl',
    taylorRuns: [],
    k: 5,
  });
});
