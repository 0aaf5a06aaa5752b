// The goal search on the stand-in meter: found plans hold by measurement, noise is corrected, and
// nothing changes when the goal is out of reach.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { command } from '../commands.ts';
import { droppable, oneShot } from '../criteria/orders.ts';
import { isMetering } from '../speed/metering.ts';
import { aWhile, scored, setUp, until } from '../testing/setUp.ts';

const rate = (blocks: number) => 1 / (0.0005 + 0.0002 * blocks);

describe('goal', () => {
  it('needs a curve and a goal', async () => {
    const { actions, get, meter } = setUp();
    await actions.openSample();
    actions.setGoal({ kind: 'speed', value: 400 });
    await actions.findPlan();
    expect(meter.calls).toEqual([]);
    await actions.score();
    actions.setGoal({ value: null });
    await actions.findPlan();
    expect(meter.calls).toEqual([]);
    expect(get().goal).toMatchObject({ running: false, steps: [] });
  });

  it('finds the fewest removals whose measured speed holds, as one undo step', async () => {
    const { actions, get } = await scored({ noise: 0 });
    actions.toggle(15);
    const before = get().plan.present;
    actions.setGoal({ kind: 'speed', value: 400 });
    await actions.findPlan();
    // 1 / 400 = 0.0005 + 0.0002 * 10: ten blocks stay.
    expect(get().plan.present.removed).toEqual(oneShot(get(), 6));
    expect(get().plan.past.at(-1)).toEqual(before);
    expect(get().goal.verdict).toBe(
      'Found: 400 tok/s measured without 6 blocks; the goal is at least 400 tok/s.',
    );
    expect(get().goal.steps.at(-1)?.measured).not.toBeNull();
    expect(get().goal.steps.every((step) => step.meets !== null)).toBe(true);
    // Its numbers are there without measuring again.
    expect(get().speed.shown?.removed).toEqual(get().plan.present.removed);
    actions.undo();
    expect(get().plan.present).toEqual(before);
  });

  it('does not stop at an estimate: a slower measurement is corrected upwards', async () => {
    const { actions, get } = await scored({
      noise: 0,
      drift: [1, 1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
    });
    actions.setAutoMeasure(false);
    actions.dropLowest(2);
    await actions.measureSpeed('quick');
    actions.dropLowest(4);
    await actions.measureSpeed('quick');
    actions.setGoal({ kind: 'speed', value: 400 });
    await actions.findPlan();
    const { steps, verdict } = get().goal;
    expect(steps[0]).toMatchObject({ blocks: 6, meets: false });
    expect(steps[0]!.estimated).toBeGreaterThanOrEqual(400);
    const k = get().plan.present.removed.length;
    expect(rate(16 - k) * 0.9).toBeGreaterThanOrEqual(400);
    expect(rate(17 - k) * 0.9).toBeLessThan(400);
    expect(verdict).toMatch(/^Found/);
  });

  it.each(['file', 'device'] as const)('finds a plan by bytes: %s', async (kind) => {
    const { actions, get } = await scored();
    actions.setGoal({ kind, value: 9e6 });
    await actions.findPlan();
    const { pruned } = get().speed.shown!.result;
    const bytes = kind === 'file' ? pruned!.info.fileBytes : pruned!.deviceBytes;
    expect(bytes).toBeLessThanOrEqual(9e6);
    const perBlock = kind === 'file' ? 689_152 : 689_152 + 512 * 512;
    expect(bytes + perBlock).toBeGreaterThan(9e6);
  });

  it('says that the original meets it, and gives its blocks back', async () => {
    const { actions, get } = await scored();
    actions.toggle(3);
    actions.setGoal({ kind: 'speed', value: 10 });
    await actions.findPlan();
    expect(get().goal.verdict).toMatch(/^The original already meets the goal/);
    expect(get().plan.present.removed).toEqual([]);
  });

  it('says the best that can be reached and leaves the plan', async () => {
    const { actions, get } = await scored({ noise: 0 });
    actions.setAutoMeasure(false);
    actions.lockEnds(true);
    actions.toggle(7);
    const before = get().plan;
    actions.setGoal({ kind: 'speed', value: 5000 });
    await actions.findPlan();
    expect(droppable(get())).toBe(10);
    expect(get().goal.verdict).toMatch(
      /cannot be reached: at most 10 blocks can be removed\. The closest is 588\.2 tok\/s without 10 blocks\./,
    );
    expect(get().plan).toBe(before);
  });

  it('is cancelled at any time and leaves the plan', async () => {
    const { actions, get } = await scored({ stepMs: 4 });
    actions.setGoal({ kind: 'speed', value: 400 });
    const searching = actions.findPlan();
    await until(() => get().speed.progress !== null);
    expect(isMetering(get())).toBe(true);
    command('cancel').run(actions, get());
    await searching;
    expect(get().goal).toMatchObject({
      running: false,
      verdict: 'Stopped. The plan is unchanged.',
    });
    expect(get().goal.steps.every(({ measured }) => measured !== null)).toBe(true);
    expect(get().plan.present.removed).toEqual([]);
    await aWhile();
    expect(isMetering(get())).toBe(false);
    expect(get().errors.goal).toBeUndefined();
  });

  it('stops when the plan changes under it', async () => {
    const { actions, get } = await scored({ stepMs: 4 });
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'speed', value: 400 });
    const searching = actions.findPlan();
    await until(() => get().speed.progress !== null);
    actions.toggle(3);
    await searching;
    expect(get().goal.running).toBe(false);
    expect(get().plan.present.removed).toEqual([3]);
  });

  it('shows the error of a plan that fails and leaves the plan', async () => {
    const { actions, get, meter } = await scored();
    meter.failVariant(
      'pruned',
      new EspalierError('out-of-memory', 'It does not fit.', 'Close other tabs.'),
    );
    actions.setGoal({ kind: 'speed', value: 400 });
    await actions.findPlan();
    expect(get().errors.goal?.message).toBe('It does not fit.');
    expect(get().plan.present.removed).toEqual([]);
    expect(get().goal.running).toBe(false);
  });

  it('forgets its goal with the model, and ends what it measures', async () => {
    const { actions, get, meter } = await scored({ stepMs: 4 });
    actions.setGoal({ kind: 'file', value: 9e6 });
    const searching = actions.findPlan();
    await until(() => get().speed.progress !== null);
    await actions.openSample();
    expect(meter.calls.at(-1)?.name).toBe('cancel');
    await searching;
    expect(get().goal).toEqual({
      kind: 'file',
      value: null,
      running: false,
      steps: [],
      verdict: '',
    });
    expect(get().plan.present.removed).toEqual([]);
  });
});
