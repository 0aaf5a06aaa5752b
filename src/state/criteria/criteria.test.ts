// Criteria and the calibration study on the stand-in studio: what is computed when, which order is
// current, what is kept and put back.

import { describe, expect, it } from 'vitest';
import { CRITERIA, type SourceName } from '../../analysis/criteriaTable.ts';
import { recordedOptions, recordName } from '../../analysis/criterion.ts';
import { EspalierError } from '../../errors.ts';
import { studyRecord } from '../export/study.ts';
import { isOwnChoice } from '../plan/selectors.ts';
import {
  missingRuns,
  plannedRuns,
  planWithinNoise,
  stabilityView,
  studyCount,
  studyObstacle,
} from '../stability/selectors.ts';
import type { FakeOptions, FakeStudio } from '../testing/fakeStudio.ts';
import { aWhile, scored as scoredWith, setUp, until } from '../testing/setUp.ts';
import { gradientObstacle, gradientsOf } from './gradients.ts';
import { missingCosts, missingSources, sourceWarnings } from './missing.ts';
import { currentOrder, droppable, knownOrders, oneShot, shownOrders } from './orders.ts';
import { bestSpan, criteriaView, knownCriteria, shownCriteria } from './selectors.ts';
import { MEASURED, SOURCES } from './sources.ts';

const scored = (options: FakeOptions = {}) => scoredWith({}, options);
const slow: FakeOptions = { stepMs: 15 };
const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
/** Criteria that need none of these sources. */
const without = (...sources: SourceName[]) =>
  names(CRITERIA.filter(({ needs }) => !sources.includes(needs)));
/** The sources that were measured, in order. */
const measuredBy = ({ calls }: FakeStudio) =>
  calls.filter(({ name }) => name === 'measureSource').map(({ args: [source] }) => source);

describe('criteria', () => {
  it('of hidden states come with the curve, magnitudes when they are asked for', async () => {
    const { actions, get, studio } = await scored();
    expect(names(knownCriteria(get()))).toEqual(['ppl', 'block-influence', 'angular']);
    await actions.compareCriteria();
    expect(names(knownCriteria(get()))).toEqual(without('file'));
    expect(names(knownCriteria(get())).slice(0, 3)).toEqual(['ppl', 'mag-l1', 'mag-l2']);
    // One run for both magnitudes, and none for what came with the curve.
    expect(measuredBy(studio)).toEqual(MEASURED.filter((source) => source !== 'hidden'));
    actions.setCriteria({ norms: true });
    expect(knownCriteria(get())[1]).toMatchObject({
      label: 'Mag L1 with norms',
      scores: get().criteria.measured.magnitudes!.result.data.l1WithNorms,
    });
    // What is known is not computed again.
    await actions.compareCriteria();
    expect(measuredBy(studio).filter((source) => source === 'magnitudes')).toHaveLength(1);
  });

  it('of hidden states are measured for a curve without them, and belong to it alone', async () => {
    const { actions, get, studio } = await scored();
    const { hidden: _, ...older } = get().score.curve!.result;
    actions.takeCurve(older, 'other', true);
    expect(SOURCES.hidden.data(get())).toBeNull();
    await actions.compareCriteria();
    const [, settings] = studio.calls.findLast(({ args: [source] }) => source === 'hidden')!.args;
    expect(settings).toMatchObject({ text: { kind: 'ids', windows: older.windows } });
    expect(SOURCES.hidden.data(get())).not.toBeNull();
    actions.takeCurve(older, 'another', true);
    expect(SOURCES.hidden.data(get())).toBeNull();
  });

  it('are known without a curve, and order the blocks', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    await actions.compareCriteria();
    expect(names(knownCriteria(get()))).toEqual(without('curve', 'file'));
    expect(criteriaView(get())[0]!.spearman).toBeNull();
    expect(currentOrder(get())?.name).toBe('mag-l1');
    actions.dropLowest(2);
    const { l1 } = get().criteria.measured.magnitudes!.result.data;
    const lowest = [...l1.keys()].sort((a, b) => l1[a]! - l1[b]!).slice(0, 2);
    expect(get().plan.present.removed).toEqual(lowest.sort((a, b) => a - b));
  });

  it('tell ranks, correlation with perplexity and where they disagree', async () => {
    const { actions, get } = await scored();
    await actions.compareCriteria();
    const [ppl, mag] = criteriaView(get());
    expect(ppl).toMatchObject({ spearman: null, apart: [] });
    expect(ppl!.ranks[7]).toBe(1);
    expect(Math.abs(mag!.spearman!)).toBeLessThan(1);
    expect(mag!.apart).toHaveLength(3);
    const { block, rank, pplRank } = mag!.apart[0]!;
    expect([rank, pplRank]).toEqual([mag!.ranks[block], ppl!.ranks[block]]);
    for (const view of mag!.normalised.keys())
      expect(Math.abs(mag!.ranks[view]! - ppl!.ranks[view]!)).toBeLessThanOrEqual(
        Math.abs(rank - pplRank),
      );
    actions.setCriteria({ shown: ['ppl', 'angular'] });
    expect(names(shownCriteria(get()))).toEqual(['ppl', 'angular']);
    expect(names(shownOrders(get()))).toEqual(['ppl', 'angular']);
    expect(names(knownOrders(get()))).toEqual(without('file'));
  });

  it('fail in their place, each by itself; a cancel stops all', async () => {
    const { actions, get, studio } = setUp({}, slow);
    await actions.openSample();
    studio.failNext(
      'measureSource',
      new EspalierError('unsupported-op', 'These weights cannot be read.', 'Use another graph.'),
    );
    await actions.compareCriteria();
    expect(get().errors.criteria?.message).toBe('These weights cannot be read.');
    expect(names(knownCriteria(get()))).toEqual(without('curve', 'magnitudes', 'file'));
    const run = actions.compareCriteria();
    await until(() => get().criteria.progress !== null);
    expect(get().criteria.progress).toMatchObject({ phase: 'read', unit: 'bytes' });
    await actions.cancel();
    await run;
    expect(get().errors.criteria).toBeUndefined();
    expect(get().criteria).toMatchObject({ running: null });
    expect(get().criteria.measured.magnitudes).toBeUndefined();
  });
});

describe('gradients', () => {
  const asked = ({ calls }: FakeStudio) =>
    calls.filter(({ name }) => name === 'gradientMemory').length;
  const noRule = new EspalierError(
    'unsupported-op',
    'The operator LinearAttention of block 3 has no gradient.',
    'Choose another criterion.',
  );

  it('are asked for once, when criteria are looked at, and say what they take', async () => {
    const { actions, get, studio } = await scored();
    await aWhile();
    expect(asked(studio)).toBe(0);
    expect(missingCosts(get()).at(-1)!.memory).toBeUndefined();
    actions.openWorkspace('compare');
    await until(() => gradientsOf(get()) !== null);
    expect(missingCosts(get()).at(-1)!.memory).toMatchObject({ total: 52_000_000 });
    actions.setSettings({ budgetBytes: 2 ** 30 });
    expect(gradientsOf(get())).toBeNull();
    await until(() => gradientsOf(get()) !== null);
    await actions.compareCriteria();
    await aWhile();
    expect(asked(studio)).toBe(2);
    expect(studio.calls.findLast(({ name }) => name === 'gradientMemory')!.args).toMatchObject([
      { budgetBytes: 2 ** 30 },
    ]);
  });

  it('that a model has not are said by name; the others are compared without', async () => {
    const { actions, get, studio } = await scored();
    studio.failNext('gradientMemory', noRule);
    await actions.compareCriteria();
    expect(get().errors).toEqual({});
    expect(gradientObstacle(get())).toBe(`${noRule.message} ${noRule.hint}`);
    expect(names(knownCriteria(get()))).toEqual(without('taylor', 'file'));
    expect(missingSources(get())).toEqual([]);
    actions.openWorkspace('compare');
    await aWhile();
    expect(asked(studio)).toBe(1);
    expect(measuredBy(studio)).not.toContain('taylor');
  });

  it('whose memory cannot be told are tried all the same, and not asked for again', async () => {
    const { actions, get, studio } = await scored();
    studio.failNext('gradientMemory', new EspalierError('device-lost', 'The GPU was lost.'));
    actions.openWorkspace('compare');
    await until(() => asked(studio) === 1);
    actions.setCriteria({ norms: true });
    await aWhile();
    expect(asked(studio)).toBe(1);
    expect([get().errors, gradientsOf(get())]).toEqual([{}, null]);
    await actions.compareCriteria();
    expect(names(knownCriteria(get()))).toEqual(without('file'));
  });
});

it('what makes a source doubtful is said while its numbers are shown', async () => {
  const { actions, get, store } = await scored();
  await actions.compareCriteria();
  expect(sourceWarnings(get())).toEqual([]);
  const warnings = ['Gradients: int8 products are computed in float.'];
  store.state.setState(({ criteria }) => {
    const { taylor } = criteria.measured;
    const doubtful = { ...taylor!, result: { ...taylor!.result, warnings } };
    return { criteria: { ...criteria, measured: { ...criteria.measured, taylor: doubtful } } };
  });
  expect(sourceWarnings(get())).toEqual(warnings);
  actions.takeCurve(get().score.curve!.result, 'another', true);
  expect(sourceWarnings(get())).toEqual([]);
});

describe('the current order', () => {
  it('is that of perplexity until another is chosen; a plan of the lowest follows', async () => {
    const { actions, get } = await scored();
    await actions.compareCriteria();
    actions.dropLowest(3);
    expect(get().plan.present.removed).toEqual([7, 8, 9]);
    actions.setOrder('mag-l1');
    const { l1 } = get().criteria.measured.magnitudes!.result.data;
    const lowest = [...l1.keys()].sort((a, b) => l1[a]! - l1[b]!).slice(0, 3);
    expect(new Set(get().plan.present.removed)).toEqual(new Set(lowest));
    expect(isOwnChoice(get())).toBe(false);
    actions.undo();
    expect(get().plan.present.removed).toEqual([7, 8, 9]);
    expect(isOwnChoice(get())).toBe(true);
    actions.setOrder('block-influence');
    expect(get().plan.present.removed).toEqual([7, 8, 9]);
  });

  it('of angular distance takes the best k neighbours around locks', async () => {
    const { actions, get } = await scored();
    actions.setOrder('angular');
    expect(droppable(get())).toBe(15);
    for (const block of [4, 9]) actions.setLock(block, true);
    expect(droppable(get())).toBe(6);
    for (let k = 1; k <= 6; k++) {
      const plan = oneShot(get(), k);
      expect(plan).toEqual(Array.from({ length: k }, (_, i) => plan[0]! + i));
      expect(plan.some((block) => block === 4 || block === 9)).toBe(false);
    }
    actions.dropLowest(7);
    expect(get().plan.refusal).toContain('no more than 6 unlocked ones of 16 lie side by side');
    actions.setCriteria({ span: 6 });
    expect(bestSpan(get())).toMatchObject({ first: 10, count: 6 });
    expect(knownCriteria(get()).at(-1)!.scores.slice(-5).every(Number.isNaN)).toBe(true);
  });

  it('is perplexity again with another model', async () => {
    const { actions, get } = await scored();
    actions.setOrder('angular');
    await actions.openSource({ kind: 'files', name: 'other', files: [] });
    expect(currentOrder(get())).toBeNull();
    expect(get().criteria.orderBy).toBe('ppl');
  });
});

describe('the calibration study', () => {
  it('scores with every size and seed, keeps each run, restores the windows', async () => {
    const { actions, get, studio } = await scored();
    const { curve } = get().score;
    actions.setStudy({ sizes: [50, 10], seeds: 2 });
    expect(
      plannedRuns(get()).map(({ settings }) => [settings.samples, settings.seed, settings.sampler]),
    ).toEqual([
      [10, 0, 'random'],
      [10, 1, 'random'],
      [50, 0, 'random'],
      [50, 1, 'random'],
    ]);
    await actions.studyStability();
    expect(get().stability.runs).toHaveLength(4);
    expect(get().score.curve).toBe(curve);
    expect(studio.calls.findLast(({ name }) => name === 'useWindows')?.args).toEqual([
      curve!.result.windows,
      'wasm',
    ]);
    expect(studyObstacle(get())).toBe('All these runs are done.');
    const view = stabilityView(get())!;
    expect(view.runs.map(({ label }) => label)).toEqual([
      'current curve',
      ...plannedRuns(get()).map(({ label }) => label),
    ]);
    // The stand-in scores alike on any windows.
    expect(view.blocks[0]).toMatchObject({ block: 7, chosen: 1, lowestRank: 1, highestRank: 1 });
    expect(view.range).toEqual([1, 1]);
    expect(studyCount(get())).toBe(3);
    actions.dropLowest(5);
    expect(studyCount(get())).toBe(5);
  });

  it('keeps its runs when it is cancelled, and goes on with the others', async () => {
    const { actions, get, studio } = await scored(slow);
    const run = actions.studyStability();
    await until(() => get().stability.runs.length === 1 && get().stability.progress !== null);
    expect(get().stability.running).toMatchObject({ at: 1, of: 3 });
    await actions.cancel();
    await run;
    expect(get().errors.stability).toBeUndefined();
    expect(get().stability.runs).toHaveLength(1);
    expect(missingRuns(get())).toHaveLength(2);
    expect(studio.calls.at(-1)?.name).toBe('useWindows');
    await actions.studyStability();
    expect(get().stability.runs).toHaveLength(3);
    actions.forgetStudy();
    expect(stabilityView(get())).toBeNull();
  });

  it('gives the windows back only when no other model is being opened', async () => {
    const { actions, get, store, studio } = await scored(slow);
    const run = actions.studyStability();
    await until(() => get().stability.progress !== null);
    const opening = (name: string | null) =>
      store.state.setState(({ model }) => ({ model: { ...model, opening: name } }));
    opening('other');
    await actions.cancel();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(studio.calls.some(({ name }) => name === 'useWindows')).toBe(false);
    opening(null);
    await run;
    expect(studio.calls.some(({ name }) => name === 'useWindows')).toBe(true);
    expect(get().stability.running).toBeNull();
  });

  it('takes the text that was given as well, and says why it cannot start', async () => {
    const { actions, get } = await scored();
    actions.setText('notes.txt', 'Some words.');
    expect(new Set(plannedRuns(get()).map(({ settings }) => settings.text.kind))).toEqual(
      new Set(['bundled', 'text']),
    );
    actions.setStudy({ sizes: [] });
    expect(studyObstacle(get())).toBe('Choose a number of windows and a text.');
  });

  it('warns of a plan within noise only when it was chosen by perplexity', async () => {
    const { actions, get } = await scored();
    actions.dropLowest(2);
    await until(() => get().effect.shown !== null);
    expect(planWithinNoise(get())).toBeNull();
    await actions.studyStability();
    // Without measuring anew: the number of this plan is known.
    const noise = planWithinNoise(get())!;
    expect(noise.windows).toBe(40);
    expect(noise.resamples).toBeLessThan(0.95);
    expect([noise.inside, noise.outside]).toEqual([9, 8]);
    expect(noise.gap).toBeGreaterThan(0);
    actions.toggle(12);
    expect(planWithinNoise(get())).toBeNull();
    await until(() => get().effect.known.size === 2);
    expect(planWithinNoise(get())).toBeNull();
  });
});

describe('the record of an export', () => {
  it('has every known criterion, search and study; scores and units of one length', async () => {
    const { actions, get } = await scored();
    await actions.compareCriteria();
    actions.setCriteria({ span: 3 });
    actions.setStudy({ seeds: 1 });
    await actions.studyStability();
    actions.setSearch({ count: 2 });
    await actions.search();
    const record = studyRecord(get())!;
    const recorded = names(record.criteria);
    const known = [
      'ppl',
      'mag-l1',
      'mag-l1-norms',
      'mag-l2',
      'mag-l2-norms',
      'block-influence',
      'angular-1',
      'angular-3',
    ];
    expect(recorded.filter((name) => known.includes(name))).toEqual(known);
    const all = CRITERIA.filter(({ needs }) => needs !== 'file').flatMap((criterion) =>
      recordedOptions(criterion, { norms: false, span: 3 }).map((options) =>
        recordName(criterion, options),
      ),
    );
    const blocks = recorded.filter((name) => !name.endsWith('-parts'));
    expect(blocks).toEqual([...all, 'ppl-10x128-seed-0-bundled']);
    const parts = record.criteria.find(({ name }) => name === 'taylor-norms-parts')!;
    expect([parts.units.length, parts.order[0]]).toEqual([32, '13.attn']);
    for (const { units, scores, order } of record.criteria) {
      expect(scores).toHaveLength(units.length);
      expect(order.every((unit) => units.includes(unit))).toBe(true);
    }
    expect(record.criteria.find(({ name }) => name === 'angular-3')!.units).toHaveLength(14);
    expect(record.search).toHaveLength(2);
  });

  it('is not there when nothing is known', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    expect(studyRecord(get())).toBeUndefined();
  });
});
