// Width against depth on the stand-ins: what is asked for, in which order, what is held against
// what, and what is left when it is stopped.

import { describe, expect, it } from 'vitest';
import type { WidthRequest } from '../../contract/comparison/width.ts';
import type { CompareRequest } from '../../contract/speed.ts';
import { EspalierError } from '../../errors.ts';
import { command } from '../commands.ts';
import { engineJob } from '../jobs.ts';
import { remedyOf } from '../remedies.ts';
import { runningWork } from '../running.ts';
import { called } from '../testing/planned.ts';
import { scored, setUp, until } from '../testing/setUp.ts';
import { depthOfNow } from './depth.ts';
import {
  depthOver,
  pointAt,
  rateOf,
  type WidthRowId,
  widthObstacle,
  widthView,
} from './selectors.ts';
import { WIDTH } from './state.ts';

const slow = { stepMs: 20 };
const BLOCK = 172_288;

type Page = Awaited<ReturnType<typeof scored>>;

const rowOf = ({ get }: Pick<Page, 'get'>, id: WidthRowId) =>
  widthView(get())!.rows.find((row) => row.id === id)!;

describe('the comparison of width with depth', () => {
  it('removes as many weights by width as the plan does by depth, and measures all', async () => {
    const page = await scored();
    const { actions, get, meter } = page;
    actions.setRemoved([3, 9]);
    await actions.compareWidth();
    const [request] = called(page, 'width').at(-1) as [WidthRequest];
    expect(request).toMatchObject({
      methods: ['wanda-sp', 'flap', 'llm-pruner'],
      amount: { weights: 2 * BLOCK },
      multiple: 1,
      flapVariance: 'formula',
    });
    const [compared] = meter.calls.find(({ name }) => name === 'compare')!.args as [CompareRequest];
    expect(
      compared.variants.map(({ id, removed, steps }) => [id, removed, steps?.[0]?.step]),
    ).toEqual([
      ['original', [], undefined],
      ['depth', [3, 9], undefined],
      ['wanda-sp', [], 'width'],
      ['flap', [], 'width'],
      ['llm-pruner', [], 'width'],
    ]);
    expect(compared.batches).toEqual([1, 2, 4, 8, 16, 32]);
    // FLAP runs with its compensation.
    expect(compared.variants[3]?.steps?.[0]).toMatchObject({
      width: { blocks: { 0: { attentionBias: expect.any(Float32Array) } } },
    });
    const view = widthView(get())!;
    expect(view).toMatchObject({ whole: true, stale: false, running: false, byRound: true });
    expect(view.rows.map(({ id }) => id)).toEqual([
      'original',
      'depth',
      'wanda-sp',
      'flap',
      'flap-plain',
      'llm-pruner',
    ]);
    expect(rowOf(page, 'depth').label).toBe('depth: without 3 and 9');
    expect(rowOf(page, 'flap').nll).toBeLessThan(rowOf(page, 'flap-plain').nll!);
    const [low, high] = rowOf(page, 'depth').nllEnds!;
    expect(low).toBeLessThan(rowOf(page, 'depth').nll!);
    expect(high).toBeGreaterThan(rowOf(page, 'depth').nll!);
    // As many weights, to the step of whole channels.
    const share = (2 * BLOCK) / (262_272 + 16 * BLOCK);
    expect(rowOf(page, 'depth').removedShare).toBeCloseTo(share, 12);
    expect(rowOf(page, 'wanda-sp').removedShare).toBeCloseTo(share, 2);
    // The stand-in runs depth faster, width as fast as the original.
    expect(pointAt(rowOf(page, 'depth'), 1)?.gain).toMatchObject({ noise: false });
    expect(pointAt(rowOf(page, 'wanda-sp'), 1)?.gain).toMatchObject({ noise: true });
    expect(depthOver(view, 'wanda-sp', 1)?.ratio).toBeGreaterThan(1.1);
    const depth = rowOf(page, 'depth');
    expect(rateOf(view, depth, 32)?.rate).toBeCloseTo(pointAt(depth, 32)!.throughput.mean, 6);
    // Depth plans of other sizes are the line, and known to the rest of the page.
    expect(view.line.map(({ removed }) => removed.length)).toEqual([0, 1, 2, 3, 4]);
    expect(view.line[2]?.removed).toEqual([7, 9]);
    expect(get().search.measured.size).toBeGreaterThan(3);
    expect(engineJob(get())).toBeNull();
    // Another plan leaves it as it is, and says so.
    expect(view.isOfOtherPlan).toBe(false);
    page.actions.keepAll();
    expect(widthView(get())).toMatchObject({ isOfOtherPlan: true, depth: { removed: [3, 9] } });
  });

  it('scores first where there is no curve, and takes the lowest blocks', async () => {
    const page = setUp();
    const { actions, get } = page;
    await actions.openSample();
    expect(depthOfNow(get())).toBeNull();
    await actions.compareWidth();
    const names = page.studio.calls.map(({ name }) => name);
    expect(names.indexOf('score')).toBeLessThan(names.indexOf('width'));
    expect(get().width.shown?.depth).toMatchObject({
      from: 'order',
      removed: get()
        .score.curve!.result.order.slice(0, 3)
        .sort((a, b) => a - b),
    });
  });

  it('offers what every layer loses alike, and says what the worker says', async () => {
    const page = await scored();
    await page.actions.compareWidth();
    expect(rowOf(page, 'wanda-sp').obstacle).toBeNull();
    expect(rowOf(page, 'flap').obstacle).toContain('unequal widths');
    await page.actions.exportWidth(rowOf(page, 'wanda-sp').plan!);
    const [request] = called(page, 'export').at(-1)!;
    expect(request).toMatchObject({
      removed: [],
      name: 'sample-wanda-sp-19',
      steps: [{ step: 'width', width: { method: 'wanda-sp' } }],
    });
    expect(page.get().view.dialog).toBe('export');
    expect(page.get().export.result).not.toBeNull();
  });

  it('keeps perplexities when the speeds are stopped, and runs nothing beside them', async () => {
    const page = await scored(slow);
    const { actions, get, meter } = page;
    const run = actions.compareWidth();
    await until(() => get().width.running?.stage === 'speed');
    expect(widthObstacle(get())).toBe('The comparison is running.');
    expect(runningWork(get())?.title).toBe('Comparing width with depth');
    await until(() => (get().width.running?.sides.length ?? 0) > 0);
    expect(pointAt(rowOf(page, 'original'), 1)).not.toBeNull();
    command('cancel').run(actions, get());
    await run;
    expect(meter.calls.at(-1)?.name).toBe('cancel');
    expect(get().width).toMatchObject({ running: null, shown: { whole: false } });
    expect(pointAt(rowOf(page, 'original'), 1)).not.toBeNull();
    expect(get().width.shown?.speeds?.sides[0]?.points.length).toBeLessThan(6);
    expect(rowOf(page, 'wanda-sp').nll).not.toBeNull();
    expect(get().errors.width).toBeUndefined();
  });

  it('gives way to a job of the engine while it measures speeds', async () => {
    const page = await scored(slow);
    const { actions, get } = page;
    const run = actions.compareWidth();
    await until(() => get().width.running?.stage === 'speed');
    await actions.scoreSublayers();
    await run;
    expect(get().width.running).toBeNull();
    expect(get().view.toast?.text).toContain('scoring of sublayers');
  });

  it('keeps the methods that had come when it is cancelled', async () => {
    const page = await scored({}, slow);
    const { actions, get } = page;
    const run = actions.compareWidth();
    await until(() => (get().width.running?.outcomes.length ?? 0) > 0);
    expect(engineJob(get())).toBe('width');
    await actions.cancel();
    await run;
    expect(get().width.shown?.outcomes.length).toBeGreaterThan(0);
    expect(get().width.running).toBeNull();
    expect(get().width.shown?.whole).toBe(false);
  });

  it('shows an error at its place, with a way to run it again', async () => {
    const page = await scored();
    const { actions, get, studio, meter } = page;
    const lost = new EspalierError('device-lost', 'The GPU went away.', 'Compare again.');
    studio.failNext('width', lost);
    await actions.compareWidth();
    expect(get().errors.width?.code).toBe('device-lost');
    expect(remedyOf(get(), 'width')?.label).toBe('Compare again');
    expect(get().width.shown).toBeNull();
    meter.failNext('compare', lost);
    await actions.compareWidth();
    expect(get().errors.width?.code).toBe('device-lost');
    // What was measured before stays.
    expect(get().width.shown?.outcomes).toHaveLength(3);
  });

  it('is stored as it is, and dropped in another form', async () => {
    const page = await scored();
    await page.actions.compareWidth();
    const { is } = WIDTH.kept!.fields.shown!;
    const shown = structuredClone(page.get().width.shown);
    expect(is(shown)).toBe(true);
    expect(is({ ...shown, depth: undefined })).toBe(false);
    // The scores of all groups and channels would be most of it.
    expect(shown?.outcomes.every((one) => !('scores' in one))).toBe(true);
  });
});
