// Parts and the iterative search on the stand-in studio: what runs, what is kept, what may be
// compared, what a click takes.

import { describe, expect, it } from 'vitest';
import type { SearchRequest } from '../../contract/search.ts';
import { EspalierError } from '../../errors.ts';
import { effectView } from '../effect/selectors.ts';
import { waitsForEffect } from '../effect/waiting.ts';
import { isOwnChoice } from '../plan/selectors.ts';
import { curveView } from '../score/selectors.ts';
import {
  currentSublayers,
  lowestSublayers,
  showsSublayers,
  sublayersData,
} from '../sublayers/selectors.ts';
import type { FakeOptions } from '../testing/fakeStudio.ts';
import { scored as scoredWith, setUp, until } from '../testing/setUp.ts';
import { isOnCurve } from './measured.ts';
import { pathsView, searchObstacle, unmeasured } from './selectors.ts';

const scored = (options: FakeOptions = {}) => scoredWith({}, options);

const slow: FakeOptions = { stepMs: 15 };

describe('sublayers', () => {
  it('are scored on the windows of the curve and shown beside it', async () => {
    const { actions, get, studio } = await scored();
    await actions.scoreSublayers();
    expect(studio.calls.findLast(({ name }) => name === 'scoreSublayers')?.args).toEqual([
      get().score.settings,
    ]);
    expect(showsSublayers(get())).toBe(true);
    const [attention, feedForward] = sublayersData(get()).blocks[7]!;
    expect(attention.unit).toBe('7.attn');
    expect(attention.nll).toBeLessThan(feedForward.nll!);
    expect(attention.low).toBeLessThan(attention.high);
    actions.setSublayersView('blocks');
    expect(showsSublayers(get())).toBe(false);
  });

  it('are asked for with the windows themselves when the settings have changed since', async () => {
    const { actions, get, studio } = await scored();
    actions.setSettings({ samples: 3 });
    await actions.scoreSublayers();
    const [settings] = studio.calls.findLast(({ name }) => name === 'scoreSublayers')!.args;
    expect(settings).toMatchObject({
      text: { kind: 'ids', windows: get().score.curve!.result.windows },
      samples: 10,
    });
  });

  it('do not stand beside a curve of other windows', async () => {
    const { actions, get } = await scored();
    await actions.scoreSublayers();
    const { curve } = get().score;
    actions.takeCurve({ ...curve!.result, windows: [[1, 2, 3]] }, 'other', false);
    expect(currentSublayers(get())).toBeNull();
    actions.takeCurve(curve!.result, curve!.settingsKey, false);
    expect(currentSublayers(get())).not.toBeNull();
  });

  it('keep earlier results when they fail or are cancelled, and say why', async () => {
    const { actions, get, studio } = await scored(slow);
    await actions.scoreSublayers();
    const before = get().sublayers.result;
    studio.failNext(
      'scoreSublayers',
      new EspalierError('device-lost', 'The GPU went away.', 'Score again.'),
    );
    await actions.scoreSublayers();
    expect(get().errors.sublayers?.code).toBe('device-lost');
    const run = actions.scoreSublayers();
    await until(() => (get().sublayers.running?.parts.length ?? 0) > 2);
    await actions.cancel();
    await run;
    expect(get().errors.sublayers).toBeUndefined();
    expect(get().sublayers).toMatchObject({ running: null, result: before });
  });

  it('are removed lowest first, both sublayers as the block, never locked ones', async () => {
    const { actions, get } = await scored();
    await actions.scoreSublayers();
    actions.dropLowest(3);
    expect(get().plan.present.removed).toEqual(lowestSublayers(get(), 3));
    expect(isOwnChoice(get())).toBe(false);
    actions.dropLowest(31);
    expect(get().plan.refusal).toBe('');
    actions.dropLowest(32);
    expect(get().plan.refusal).toBe('32 sublayers cannot be removed: at most 31 can.');
    actions.dropLowest(0);
    const [first] = get().sublayers.result!.order;
    actions.setLock(Number.parseInt(first!, 10), true);
    actions.dropLowest(4);
    expect(get().plan.present.removed).not.toContain(first);
    actions.toggle('12.ffn');
    expect(isOwnChoice(get())).toBe(true);
    expect(curveView(get()).points[12]).toMatchObject({ removed: false, removedSublayer: 'ffn' });
  });

  it('of a block that cannot go as a whole do not go both', async () => {
    const adjust: FakeOptions['adjust'] = (summary) => ({
      ...summary,
      blocks: summary.blocks.map((block) =>
        block.index === 7 ? { ...block, unremovable: 'its output is a model output.' } : block,
      ),
    });
    const { actions, get } = await scored({ adjust });
    actions.toggle('7.attn');
    actions.toggle('7.ffn');
    expect(get().plan.present.removed).toEqual(['7.attn']);
    actions.toggle('7.attn');
    expect(get().plan.present.removed).toEqual([]);
  });
});

describe('the iterative search', () => {
  it('removes up to the wished count and tells its steps', async () => {
    const { actions, get, studio } = await scored();
    actions.setLock(7, true);
    actions.setSearch({ count: 3 });
    await actions.search();
    const request = studio.calls.findLast(({ name }) => name === 'search')!
      .args[0] as SearchRequest;
    expect(request).toMatchObject({ start: [], locked: [7], count: 3, maxPpl: null });
    const { path } = get().search;
    expect(path).toMatchObject({ ended: 'count', costRatio: 1.05 });
    expect(path!.steps.map(({ block }) => block)).toHaveLength(3);
    expect(path!.steps.map(({ block }) => block)).not.toContain(7);
    expect(get().plan.present.removed).toEqual([]);
    expect(isOnCurve(get())).toBe(true);
  });

  it('keeps its steps when it is cancelled or fails', async () => {
    const { actions, get, studio } = await scored(slow);
    actions.setSearch({ count: 15 });
    const run = actions.search();
    await until(() => (get().search.path?.steps.length ?? 0) > 0);
    expect(searchObstacle(get())).toBe('A search is running.');
    await actions.cancel();
    await run;
    const { path } = get().search;
    expect(path!.ended).toBe('cancelled');
    expect(path!.steps.length).toBeGreaterThan(0);
    expect(path!.steps.length).toBeLessThan(15);
    expect(get().errors.search).toBeUndefined();
    studio.failNext('search', new EspalierError('out-of-memory', 'No room.', 'Use fewer windows.'));
    await actions.search();
    expect(get().search).toMatchObject({ running: false, path: { ended: 'failed', steps: [] } });
    expect(get().errors.search?.code).toBe('out-of-memory');
  });

  it('can be held and let go, and lets go when it is cancelled', async () => {
    const { actions, get, studio } = await scored(slow);
    actions.setSearch({ count: 15 });
    const run = actions.search();
    actions.pauseSearch(true);
    expect(get().search.paused).toBe(true);
    actions.pauseSearch(false);
    actions.pauseSearch(true);
    await actions.cancel();
    await run;
    expect(get().search.paused).toBe(false);
    expect(studio.calls.filter(({ name }) => name === 'pause').at(-1)?.args).toEqual([false]);
  });

  it('stops at a bound, and starts from the plan when asked to', async () => {
    const { actions, get, studio } = await scored();
    actions.toggle(3);
    actions.setSearch({ count: null, maxPpl: 47, fromPlan: true });
    await actions.search();
    const request = studio.calls.findLast(({ name }) => name === 'search')!
      .args[0] as SearchRequest;
    expect(request).toMatchObject({ start: [3], count: 14, maxPpl: 47 });
    expect(get().search.path?.ended).toBe('bound');
    const [iterative] = pathsView(get()).series;
    expect(iterative?.points[0]).toMatchObject({ count: 1, removed: [3] });
    actions.setSearch({ maxPpl: null });
    expect(searchObstacle(get())).toBe('Enter a number of blocks or a perplexity.');
  });

  it('goes on with the request of an interrupted one, without a curve', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    await actions.search({
      settings: get().score.settings,
      start: [],
      locked: [],
      count: 2,
      maxPpl: null,
    });
    expect(get().search.path?.steps).toHaveLength(2);
    await actions.score();
    expect(isOnCurve(get())).toBe(true);
  });

  it('keeps its steps when the model is read again under it', async () => {
    const { actions, get } = setUp({}, slow);
    const source = { kind: 'files', name: 'mine', files: [] } as const;
    await actions.openSource({ ...source, files: [] });
    await actions.score();
    actions.setSearch({ count: 15 });
    void actions.search();
    await until(() => (get().search.path?.steps.length ?? 0) > 0);
    await actions.openSource({ ...source, files: [] });
    expect(get().search).toMatchObject({ running: false, path: { ended: 'cancelled' } });
    expect(get().search.path!.steps.length).toBeGreaterThan(0);
    expect(get().errors).toEqual({});
  });
});

describe('paths', () => {
  it('hold the search against the one-shot order, every point measured on demand', async () => {
    const { actions, get, studio } = await scored();
    actions.setSearch({ count: 4 });
    await actions.search();
    const [iterative, oneShot] = pathsView(get()).series;
    expect(iterative?.points).toHaveLength(5);
    expect(oneShot).toMatchObject({ name: 'ppl', label: 'one-shot perplexity' });
    // Nothing removed and one block removed are known from the curve.
    expect(oneShot?.points.slice(0, 2).every(({ nll }) => nll !== null)).toBe(true);
    const missing = unmeasured(get()).length;
    await actions.measurePaths();
    expect(studio.calls.filter(({ name }) => name === 'plan')).toHaveLength(missing);
    expect(unmeasured(get())).toEqual([]);
    expect(pathsView(get()).series[1]!.points[4]!.nll).toBeGreaterThan(0);
  });

  it('are measured while the live effect waits, and the effect follows', async () => {
    const { actions, get } = await scored(slow);
    actions.setSearch({ count: 8 });
    await actions.search();
    // One-shot and iterative agree on a stand-in whose losses add up: locks make them differ.
    actions.takeCurve(
      { ...get().score.curve!.result, order: [...get().score.curve!.result.order].reverse() },
      get().score.curve!.settingsKey,
      false,
    );
    const run = actions.measurePaths();
    await until(() => (get().search.measuring?.done ?? 0) > 1);
    actions.toggle(11);
    expect(effectView(get()).stale).toBe(true);
    await run;
    expect(get().errors.search).toBeUndefined();
    expect(get().search.measuring).toBeNull();
    expect(waitsForEffect(get())).toBe(true);
    await until(() => !effectView(get()).stale);
  });

  it('keep what was measured before a cancel', async () => {
    const { actions, get } = await scored(slow);
    actions.setSearch({ count: 8 });
    await actions.search();
    actions.takeCurve(
      { ...get().score.curve!.result, order: [...get().score.curve!.result.order].reverse() },
      get().score.curve!.settingsKey,
      false,
    );
    const run = actions.measurePaths();
    await until(() => (get().search.measuring?.done ?? 0) > 1);
    await actions.cancel();
    await run;
    expect(get().search.measured.size).toBeGreaterThan(1);
    expect(unmeasured(get()).length).toBeGreaterThan(0);
    expect(get().errors.search).toBeUndefined();
  });

  it('give a plan in one undo step, known at once', async () => {
    const { actions, get, studio } = await scored();
    actions.setSearch({ count: 3 });
    await actions.search();
    const point = pathsView(get()).series[0]!.points[3]!;
    actions.takePath(point.removed);
    expect(get().plan.present.removed).toEqual(point.removed);
    expect(effectView(get())).toMatchObject({ stale: false, pruned: { nll: point.nll } });
    expect(studio.calls.filter(({ name }) => name === 'plan')).toHaveLength(0);
    actions.undo();
    expect(get().plan.present.removed).toEqual([]);
  });

  it('of other windows than the curve are drawn alone', async () => {
    const { actions, get } = await scored();
    actions.setSearch({ count: 3 });
    await actions.search();
    actions.takeCurve({ ...get().score.curve!.result, windows: [[1, 2, 3]] }, 'other', false);
    expect(pathsView(get())).toMatchObject({ sameWindows: false, series: [{ name: 'iterative' }] });
    actions.takePath(pathsView(get()).series[0]!.points[2]!.removed);
    expect(effectView(get()).stale).toBe(true);
  });
});
