// From a goal to a plan on the stand-ins: what is found holds by sizes or by measurement, noise is
// measured again, bounds and locks are kept, and nothing changes where no plan meets the goal.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { command } from '../commands.ts';
import { oneShot } from '../criteria/orders.ts';
import { isMetering } from '../speed/metering.ts';
import type { StudioState } from '../state.ts';
import { aWhile, scored, setUp, until } from '../testing/setUp.ts';

const rate = (blocks: number) => 1 / (0.0005 + 0.0002 * blocks);
const gain = (k: number) => rate(16 - k) / rate(16);
const said = (state: StudioState) =>
  state.goal.steps.map(({ what, outcome }) => `${what}: ${outcome}`);

describe('goal', () => {
  it('needs a target, and a perplexity where it is bounded', async () => {
    const { actions, get, meter, studio } = setUp({}, { hasTokenizer: false });
    await actions.openSample();
    actions.setGoal({ kind: 'speed', maxRise: null });
    expect(get().goal.value).toBeNull();
    await actions.findPlan();
    actions.setGoal({ kind: 'smaller', value: 20, maxRise: 0.1 });
    await actions.findPlan();
    actions.setGoal({ value: 100, maxRise: null });
    await actions.findPlan();
    expect(get().goal).toMatchObject({ running: false, steps: [], outcome: null });
    expect(meter.calls).toEqual([]);
    expect(studio.calls.some(({ name }) => name === 'score')).toBe(false);
  });

  it('scores first where there is no curve, and finds the plan by size', async () => {
    const { actions, get, meter } = setUp();
    await actions.openSample();
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'smaller', value: 10, maxRise: 0.15 });
    await actions.findPlan();
    expect(get().score.curve).not.toBeNull();
    expect(get().goal.outcome).toMatchObject({ end: 'met', closest: null });
    expect(get().plan.present.removed).toHaveLength(2);
    expect(get().plan.past).toHaveLength(1);
    expect(said(get())[0]).toMatch(/^Score 16 blocks on 10 windows × 128 tokens: perplexity of/);
    expect(get().goal.outcome?.words).toMatch(/^Found, 10 % smaller: without 2 blocks \(/);
    // Sizes are computed: nothing is timed.
    expect(meter.calls.filter(({ name }) => name === 'measure')).toEqual([]);
    // What was measured of the plan is known at once.
    await until(() => get().effect.shown !== null);
  });

  it('takes the best of all known orders, and says how the curve’s own did', async () => {
    const { actions, get } = await scored();
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'smaller', value: 20, maxRise: null });
    await actions.findPlan();
    const { removed } = get().plan.present;
    expect(removed).toEqual(oneShot(get(), 4));
    expect(said(get()).some((step) => /compare \d plans: perplexity \+/.test(step))).toBe(true);
  });

  it('ends with the closest plan within the bound, which is offered', async () => {
    const { actions, get } = await scored();
    actions.setAutoMeasure(false);
    actions.toggle(5);
    const before = get().plan;
    actions.setGoal({ kind: 'smaller', value: 40, maxRise: 0.1 });
    await actions.findPlan();
    const { outcome } = get().goal;
    expect(outcome?.end).toBe('unreachable');
    expect(outcome?.words).toMatch(
      /^40 % smaller cannot be reached: the best plan known without \d blocks has perplexity \+3/,
    );
    expect(outcome?.words).toMatch(
      /, and at most \+10 % is allowed\. The closest plan is without 3/,
    );
    expect(get().plan).toBe(before);
    actions.useClosest();
    expect(get().plan.present.removed).toEqual(outcome?.closest);
    expect(get().plan.past).toHaveLength(before.past.length + 1);
  });

  it('searches step by step where one-shot misses the bound, and says why', async () => {
    const { actions, get, studio } = await scored();
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'smaller', value: 20, maxRise: 0.05 });
    await actions.findPlan();
    expect(studio.calls.filter(({ name }) => name === 'search')).toHaveLength(1);
    const step = said(get()).find((text) => text.startsWith('Iterative search for 4 blocks'));
    expect(step).toMatch(/because the best plan so far has perplexity \+\d+/);
    // The same search is not run twice.
    await actions.findPlan();
    expect(studio.calls.filter(({ name }) => name === 'search')).toHaveLength(1);
  });

  it('leaves a long search to the person', async () => {
    const { actions, get, studio } = await scored();
    const { curve } = get().score;
    actions.takeCurve({ ...curve!.result, seconds: 600 }, curve!.settingsKey, false);
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'smaller', value: 20, maxRise: 0.05 });
    await actions.findPlan();
    expect(studio.calls.some(({ name }) => name === 'search')).toBe(false);
    expect(said(get()).some((text) => /skipped: it would take up to/.test(text))).toBe(true);
  });

  it('chooses by magnitude without a tokenizer, when only the size is asked for', async () => {
    const { actions, get, studio } = setUp({}, { hasTokenizer: false });
    await actions.openSample();
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'size', value: 10e6, maxRise: null });
    await actions.findPlan();
    expect(get().goal.outcome?.end).toBe('met');
    expect(get().goal.outcome?.words).toMatch(/perplexity not measured/);
    expect(get().plan.present.removed.length).toBeGreaterThan(0);
    expect(studio.calls.some(({ name }) => name === 'score')).toBe(false);
  });

  it('finds the fewest removals whose measured gain holds, as one undo step', async () => {
    const { actions, get } = await scored({ noise: 0 });
    actions.toggle(15);
    const before = get().plan.present;
    actions.setGoal({ kind: 'faster', value: 40, maxRise: null });
    await actions.findPlan();
    const k = get().plan.present.removed.length;
    expect(gain(k)).toBeGreaterThanOrEqual(1.4);
    expect(gain(k - 1)).toBeLessThan(1.4);
    expect(get().goal.outcome?.end).toBe('met');
    expect(get().plan.past.at(-1)).toEqual(before);
    // Its numbers are there without measuring again.
    expect(get().speed.shown?.removed).toEqual(get().plan.present.removed);
    actions.undo();
    expect(get().plan.present).toEqual(before);
  });

  it('counts tokens/s as gains of one measurement of the original', async () => {
    const { actions, get } = await scored({ noise: 0 });
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'speed', value: 400, maxRise: null });
    await actions.findPlan();
    // 1 / 400 = 0.0005 + 0.0002 * 10: ten blocks stay.
    expect(get().plan.present.removed).toHaveLength(6);
    expect(said(get())[0]).toMatch(/^Measure the original: 270 tok\/s/);
    expect(get().goal.outcome?.words).toMatch(/^Found, at least 400 tok\/s: .*, 400 tok\/s,/);
  });

  it('measures again where prediction and measurement are far apart', async () => {
    const { actions, get, meter } = await scored({ noise: 0, drift: [1, 0.5, 1, 1, 1, 1, 1] });
    actions.setAutoMeasure(false);
    actions.dropLowest(2);
    await actions.measureSpeed('quick');
    actions.setGoal({ kind: 'faster', value: 40, maxRise: null });
    await actions.findPlan();
    const times = meter.calls.filter(({ name }) => name === 'measure').length;
    expect(times).toBeGreaterThan(2);
    // The first was half as fast as predicted: it contradicts the other two, and is left out.
    expect(said(get()).at(-1)).toBe(
      'Measure again without 6 blocks: two measurements are more than 30 % apart: ' +
        '1.48 ×, 2 measurements pooled, 1 left out as disturbed: enough',
    );
    expect(get().plan.present.removed).toEqual(oneShot(get(), 6));
    // What is kept of it is that of two measurements.
    const kept = [...get().speed.known.values()].findLast(({ removed }) => removed.length === 6)!;
    expect(kept.gains).toHaveLength(2);
    expect(kept.result.pruned?.loads).toHaveLength(2);
  });

  it('claims no more than "probably" where the interval contains the goal', async () => {
    const { actions, get, meter } = await scored({ noise: 0.12 });
    actions.setAutoMeasure(false);
    // Four blocks give 1.27 ×, give or take.
    actions.setGoal({ kind: 'faster', value: 25, maxRise: null });
    await actions.findPlan();
    const { outcome } = get().goal;
    expect(outcome?.end).toBe('probably');
    expect(outcome?.words).toMatch(/^Probably 25 % faster: without \d blocks .* × \(/);
    const { result } = get().speed.shown!;
    expect(result.pruned?.samples.length).toBe(2 * result.settings.runs);
    expect(meter.calls.filter(({ name }) => name === 'measure').length).toBeLessThanOrEqual(9);
    expect(get().plan.present.removed.length).toBeGreaterThan(0);
  });

  it('finds a plan by measured device memory', async () => {
    const { actions, get } = await scored();
    actions.setGoal({ kind: 'memory', value: 9e6, maxRise: null });
    await actions.findPlan();
    const { pruned } = get().speed.shown!.result;
    expect(pruned!.deviceBytes).toBeLessThanOrEqual(9e6);
    expect(pruned!.deviceBytes + 689_152 + 512 * 512).toBeGreaterThan(9e6);
  });

  it('says that the original meets it, and gives its blocks back', async () => {
    const { actions, get } = await scored();
    actions.toggle(3);
    actions.setGoal({ kind: 'speed', value: 10 });
    await actions.findPlan();
    expect(get().goal.outcome?.words).toMatch(/^The original already meets the goal/);
    expect(get().plan.present.removed).toEqual([]);
  });

  it('keeps locks, says the best that can be reached and leaves the plan', async () => {
    const { actions, get } = await scored({ noise: 0 });
    actions.setAutoMeasure(false);
    actions.lockEnds(true);
    actions.toggle(7);
    const before = get().plan;
    actions.setGoal({ kind: 'speed', value: 5000, maxRise: null });
    await actions.findPlan();
    expect(get().goal.outcome?.words).toMatch(
      /reached: at most 10 blocks can be removed\. .* without 10 blocks \(4-13\), 588 tok\/s/,
    );
    expect(get().plan).toBe(before);
  });

  it('never removes every block', async () => {
    const { actions, get } = await scored({ noise: 0 });
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'size', value: 1000, maxRise: null });
    await actions.findPlan();
    expect(get().goal.outcome?.closest).toHaveLength(15);
  });

  it('offers no plan beyond the bound where too few blocks can go', async () => {
    const { actions, get } = await scored({ noise: 0 });
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'size', value: 1000, maxRise: 0.1 });
    await actions.findPlan();
    const { outcome } = get().goal;
    expect(outcome?.end).toBe('unreachable');
    expect(outcome?.words).toMatch(/The closest plan is without 3 blocks/);
    expect(outcome?.closest).toHaveLength(3);
  });

  it.each([
    ['score', (state: StudioState) => state.score.running !== null],
    ['choose', (state: StudioState) => state.search.measuring !== null],
    ['search', (state: StudioState) => state.search.running],
    ['speed', (state: StudioState) => state.speed.running !== null],
  ] as const)('is cancelled while it is in %s and leaves the plan', async (phase, isThere) => {
    const { actions, get } = setUp({ stepMs: 4 }, { stepMs: 4 });
    await actions.openSample();
    actions.setAutoMeasure(false);
    if (phase !== 'score') await actions.score();
    actions.toggle(9);
    const before = get().plan;
    actions.setGoal({ kind: 'faster', value: 40, maxRise: phase === 'search' ? 0.3 : null });
    const finding = actions.findPlan();
    await until(() => isThere(get()) && get().goal.phase === phase);
    command('cancel').run(actions, get());
    await finding;
    await until(() => !isThere(get()));
    expect(get().goal).toMatchObject({ running: false, phase: null });
    expect(get().goal.outcome).toMatchObject({
      end: 'stopped',
      words: 'Stopped. The plan is unchanged.',
    });
    expect(get().goal.steps.every(({ outcome }) => outcome !== null)).toBe(true);
    expect(get().plan.present).toBe(before.present);
    await aWhile();
    expect(isMetering(get())).toBe(false);
    expect(get().errors).toEqual({});
  });

  it('ends when the job that it waits for is cancelled on its own', async () => {
    const { actions, get } = setUp({}, { stepMs: 4 });
    await actions.openSample();
    const finding = actions.findPlan();
    await until(() => get().score.running !== null);
    await actions.cancel();
    await finding;
    expect(get().goal.outcome?.end).toBe('stopped');
  });

  it('stops when the plan changes under it, but not while the blocks are scored', async () => {
    const { actions, get } = setUp({ stepMs: 4 }, { stepMs: 2 });
    await actions.openSample();
    actions.setAutoMeasure(false);
    actions.setGoal({ kind: 'speed', value: 400, maxRise: null });
    const finding = actions.findPlan();
    await until(() => get().score.running !== null);
    actions.toggle(3);
    await until(() => get().speed.progress !== null);
    actions.toggle(4);
    await finding;
    expect(get().goal.outcome?.words).toMatch(/^Stopped: the plan was edited/);
    expect(get().plan.present.removed).toEqual([3, 4]);
  });

  it('shows the error of a plan that fails and leaves the plan', async () => {
    const { actions, get, meter } = await scored();
    meter.failVariant(
      'pruned',
      new EspalierError('out-of-memory', 'It does not fit.', 'Close other tabs.'),
    );
    actions.setGoal({ kind: 'faster', value: 25 });
    await actions.findPlan();
    expect(get().errors.goal?.message).toBe('It does not fit.');
    expect(get().goal.outcome?.end).toBe('failed');
    expect(get().plan.present.removed).toEqual([]);
  });

  it('shows an error of the engine where the goal is, that of scoring at the curve', async () => {
    const { actions, get, studio } = setUp();
    await actions.openSample();
    studio.failNext('score', new EspalierError('out-of-memory', 'No room.'));
    await actions.findPlan();
    expect(get().errors.score?.message).toBe('No room.');
    expect(get().errors.goal).toBeUndefined();
    expect(get().goal.outcome?.end).toBe('failed');
    await actions.score();
    studio.failNext('plan', new EspalierError('device-lost', 'Gone.'));
    await actions.findPlan();
    expect(get().errors.goal?.message).toBe('Gone.');
    expect(get().errors.search).toBeUndefined();
  });

  it('keeps a percentage for the next model, and ends what it measures', async () => {
    const { actions, get, meter } = await scored({ stepMs: 4 });
    actions.setGoal({ kind: 'faster', value: 30, maxRise: 0.2 });
    const finding = actions.findPlan();
    await until(() => get().speed.progress !== null);
    await actions.openSample();
    expect(meter.calls.at(-1)?.name).toBe('cancel');
    await finding;
    expect(get().goal).toMatchObject({ kind: 'faster', value: 30, maxRise: 0.2, steps: [] });
    expect(get().goal).toMatchObject({ running: false, outcome: null });
    expect(get().plan.present.removed).toEqual([]);
  });
});
