// Refits that the page makes by itself: the switch beside the plan, and those of a goal.

import { describe, expect, it } from 'vitest';
import { REFIT_DEFAULTS } from '../../contract/healDefaults.ts';
import { EspalierError } from '../../errors.ts';
import { fakeHealingId } from '../testing/fakeHealing.ts';
import { called, isMeasured, planned } from '../testing/planned.ts';
import { aWhile, scored, setUp, until } from '../testing/setUp.ts';
import { activeHealing } from './selectors.ts';

describe('the switch that refits', () => {
  it('refits each settled plan, and takes its refits away when it is turned off', async () => {
    const page = await planned();
    const { actions, get } = page;
    actions.setRefits(true);
    await until(() => isMeasured(page));
    expect(activeHealing(get())).toMatchObject({ passing: true, methods: ['refit'] });
    expect(get().heal.refit?.state).toBe('done');
    expect(get().plan.past).toHaveLength(1);
    actions.toggle(3);
    await until(() => activeHealing(get())?.removed.length === 3);
    // By the last refit, this one could not take long.
    expect(called(page, 'estimateHealing')).toHaveLength(1);
    // Going back costs nothing.
    const refits = called(page, 'refit').length;
    actions.undo();
    await until(() => activeHealing(get())?.removed.length === 2);
    expect(called(page, 'refit')).toHaveLength(refits);
    // With other settings it may; what is in force is refitted anew with them.
    const isAll = () => activeHealing(get())?.record.steps[0]?.settings.all === true;
    actions.setTraining({ rank: 4 });
    actions.setRefit({ all: true });
    await until(isAll);
    expect(called(page, 'estimateHealing')).toHaveLength(2);
    expect(called(page, 'refit')).toHaveLength(refits + 1);
    actions.setRefit({ all: false });
    await until(() => activeHealing(get()) !== null && !isAll());
    expect(called(page, 'refit')).toHaveLength(refits + 1);
    actions.setRefits(false);
    expect(activeHealing(get())).toBeNull();
    await aWhile();
    expect(get().heal.refit).toBeNull();
  });

  it('asks where it takes long, and starts when it is told to', async () => {
    const page = await planned({ healSeconds: 90 });
    const { actions, get } = page;
    actions.setRefits(true);
    await until(() => get().heal.refit?.state === 'asks');
    expect(get().heal.refit?.words).toContain('about 90 s');
    expect(called(page, 'refit')).toEqual([]);
    actions.refitNow();
    await until(() => activeHealing(get()) !== null);
  });

  it('keeps the plan as it is where the loss rises, and says so', async () => {
    const page = await planned({ recovers: -0.1 });
    const { actions, get } = page;
    actions.setRefits(true);
    await until(() => get().heal.refit?.state === 'rose');
    expect(activeHealing(get())).toBeNull();
    expect(get().heal.refit?.words).toContain('it keeps its weights');
    await aWhile();
    expect(called(page, 'refit')).toHaveLength(1);
  });

  it('gives way to jobs and goes on after them', async () => {
    const page = await planned({ stepMs: 20 });
    const { actions, get, studio } = page;
    studio.failNext('refit', new EspalierError('cancelled', 'Cancelled.'));
    actions.setRefits(true);
    await until(() => get().heal.refit?.state === 'waits');
    await actions.evaluate();
    await until(() => activeHealing(get()) !== null);
    expect(called(page, 'refit')).toHaveLength(2);
  });

  it('works from memory where kept healings cannot be read, which is said', async () => {
    const page = setUp();
    const { actions, get, studio } = page;
    studio.failNext('healings', new EspalierError('bad-input', 'Healings cannot be read.'));
    await actions.openSample();
    await until(() => get().errors.heal !== undefined);
    actions.setRefits(true);
    actions.setRemoved([7]);
    await until(() => activeHealing(get()) !== null);
  });

  it('needs no curve', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    actions.setRefits(true);
    actions.setRemoved([7]);
    await until(() => activeHealing(get()) !== null);
  });

  it('leaves another model alone', async () => {
    const page = await planned({ stepMs: 20 });
    const { actions, get } = page;
    actions.setRefits(true);
    await until(() => get().heal.refit?.state === 'runs');
    await actions.openSource({ kind: 'files', name: 'another', files: [] });
    await aWhile(120);
    expect([get().heal.shelf?.healings, get().heal.refit]).toEqual([[], null]);
    expect(get().heal.refits).toBe(true);
  });
});

describe('a goal', () => {
  it('counts the perplexity after a refit where it is told to', async () => {
    const page = await scored();
    const { actions, get } = page;
    actions.setAutoMeasure(false);
    await until(() => get().heal.shelf !== null);
    actions.setGoal({ kind: 'smaller', value: 30, maxRise: 0.1 });
    await actions.findPlan();
    expect(get().goal.outcome?.end).toBe('unreachable');
    actions.setGoal({ refits: true });
    await actions.findPlan();
    const healed = get().goal.steps.filter(({ what }) => what.startsWith('Refit the plan'));
    expect(healed.length).toBeGreaterThan(0);
    expect(get().goal.outcome).toMatchObject({ end: 'met' });
    expect(get().goal.outcome?.words).toContain('refitted');
    expect(activeHealing(get())?.id).toBe(
      fakeHealingId({
        removed: [...get().plan.present.removed],
        methods: [REFIT_DEFAULTS],
      }),
    );
  });
});
