// Speed on the stand-in meter: whose numbers are shown, when a plan is measured by itself, what
// cancels and errors leave behind.

import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { command } from '../commands.ts';
import { effectView } from '../effect/selectors.ts';
import { aWhile, scored, setUp, until } from '../testing/setUp.ts';
import { meterUse } from './metering.ts';
import { speedView } from './selectors.ts';

const lost = () => new EspalierError('device-lost', 'The GPU was lost.', 'Measure again.');
const full = () =>
  new EspalierError('out-of-memory', 'The pruned model does not fit.', 'Remove more blocks.');

/** Throughput of the stand-in without noise: 1 / (a + b * blocks). */
const rate = (blocks: number) => 1 / (0.0005 + 0.0002 * blocks);

describe('measuring by button', () => {
  it('measures the original alone when nothing is removed, and both otherwise', async () => {
    const { actions, get } = setUp({ noise: 0 });
    await actions.openSample();
    await actions.measureSpeed('quick');
    const alone = speedView(get());
    expect(alone.original?.speed.throughput.mean).toBeCloseTo(rate(16), 6);
    expect(alone.pruned).toBeNull();
    expect(alone.protocol).toBe('quick: 2 + 5 runs, 12 → 32 tokens, batch 1');
    actions.setAutoMeasure(false);
    actions.setRange(4, 7, true);
    await actions.measureSpeed('paper');
    const both = speedView(get());
    expect(both.pruned?.speed.throughput.mean).toBeCloseTo(rate(12), 6);
    expect(both.pruned?.removed).toEqual([4, 5, 6, 7]);
    expect(both.protocol).toBe('paper protocol: 10 + 20 runs, 12 → 128 tokens, batch 1');
    expect(both.gain?.ratio).toBeCloseTo(rate(12) / rate(16), 6);
    expect(both.stale).toBe(false);
    expect(get().speed.running).toBeNull();
  });

  it('tells the meter what each variant will take', async () => {
    const { actions, meter } = setUp();
    await actions.openSample();
    actions.setAutoMeasure(false);
    actions.toggle(3);
    await actions.measureSpeed('quick');
    const request = meter.calls.find((call) => call.name === 'measure')!.args[0];
    expect(request).toMatchObject({
      removed: [3],
      graph: 'onnx/model.onnx',
      estimate: {
        original: 1_203_865 + 16 * 689_152 + 44 * 16 * 512,
        pruned: 1_203_865 + 15 * 689_152 + 44 * 15 * 512,
      },
    });
  });

  it('marks numbers of another plan, and finds those of a plan again', async () => {
    const { actions, get, meter } = await scored();
    actions.setAutoMeasure(false);
    actions.toggle(3);
    await actions.measureSpeed('quick');
    actions.toggle(5);
    expect(speedView(get())).toMatchObject({ stale: true, staleWords: 'of another plan' });
    expect(speedView(get()).pruned?.removed).toEqual([3]);
    actions.undo();
    expect(speedView(get())).toMatchObject({ stale: false });
    actions.keepAll();
    expect(speedView(get())).toMatchObject({ stale: false, pruned: null, gain: null });
    expect(speedView(get()).original).not.toBeNull();
    expect(meter.calls.filter((call) => call.name === 'measure')).toHaveLength(1);
  });

  it('measures what an export in another precision writes, apart from the source’s', async () => {
    const { actions, get, meter } = await scored();
    actions.setAutoMeasure(false);
    actions.toggle(3);
    await actions.measureSpeed('quick');
    const { bytes = 0, kvBytesPerToken = 0 } = effectView(get()).size ?? {};
    await actions.setDtype('fp16');
    expect(speedView(get())).toMatchObject({
      stale: true,
      staleWords: 'in another precision',
      prediction: null,
    });
    // The effect shows the size of the same export.
    expect(effectView(get()).size!.bytes).toBeLessThan(0.6 * bytes);
    expect(effectView(get()).size!.kvBytesPerToken).toBe((kvBytesPerToken ?? 0) / 2);
    await actions.measureSpeed('quick');
    const asked = meter.calls.filter((call) => call.name === 'measure').map((call) => call.args[0]);
    expect(asked).toMatchObject([{ steps: [] }, { steps: [{ step: 'float16' }] }]);
    expect(speedView(get())).toMatchObject({ stale: false });
    expect(speedView(get()).notes).toContain('The pruned model runs as exported in fp16.');
    expect(get().speed.known.size).toBe(2);
    await actions.setDtype(null);
    expect(speedView(get())).toMatchObject({ stale: false });
    expect(speedView(get()).notes.join()).not.toContain('fp16');
  });

  it('keeps the other variant when one fails, and says so of this plan only', async () => {
    const { actions, get, meter } = await scored();
    actions.setAutoMeasure(false);
    actions.toggle(3);
    meter.failVariant('pruned', full());
    await actions.measureSpeed('quick');
    const view = speedView(get());
    expect(view.original).not.toBeNull();
    expect(view.pruned).toBeNull();
    expect(view.errors.pruned?.message).toBe('The pruned model does not fit.');
    expect(get().errors.speed).toBeUndefined();
    actions.toggle(5);
    expect(speedView(get()).errors).toEqual({});
  });

  it('shows an error at its place and keeps what was known', async () => {
    const { actions, get, meter } = await scored();
    actions.setAutoMeasure(false);
    await actions.measureSpeed('quick');
    meter.failNext('measure', lost());
    await actions.measureSpeed('quick');
    expect(get().errors.speed?.message).toBe('The GPU was lost.');
    expect(speedView(get()).original).not.toBeNull();
    expect(get().speed.running).toBeNull();
    actions.toggle(3);
    expect(get().errors.speed).toBeUndefined();
  });

  it('is cancelled by the command, at once and without an error', async () => {
    const { actions, get, meter } = await scored({ stepMs: 5 });
    const measuring = actions.measureSpeed('paper');
    await until(() => (get().speed.running?.samples.original.length ?? 0) > 0);
    expect(get().speed.progress).toMatchObject({ unit: 'runs', total: 30 });
    expect(command('cancel').enabled(get())).toBe(true);
    expect(command('measure').enabled(get())).toBe(false);
    command('cancel').run(actions, get());
    expect(get().speed.running).toBeNull();
    await measuring;
    expect(meter.calls.at(-1)?.name).toBe('cancel');
    expect(get().errors.speed).toBeUndefined();
    expect(get().speed.known.size).toBe(0);
  });

  it('waits for the perplexity of the plan, so that neither disturbs the other', async () => {
    const { actions, get, meter, studio } = await scored({}, { stepMs: 10 });
    actions.setAutoMeasure(false);
    actions.toggle(3);
    await actions.measureSpeed('quick');
    expect(meter.calls.filter((call) => call.name === 'measure')).toHaveLength(1);
    expect(studio.calls.some((call) => call.name === 'plan')).toBe(true);
    expect(get().effect.shown).not.toBeNull();
    expect(speedView(get()).notes).toEqual([]);
  });

  it('says that the plan changed during a measurement and keeps its numbers', async () => {
    const { actions, get } = await scored({ stepMs: 3 });
    actions.setAutoMeasure(false);
    actions.toggle(3);
    const measuring = actions.measureSpeed('quick');
    await until(() => get().speed.running?.loaded.pruned !== undefined);
    actions.toggle(5);
    await measuring;
    expect(speedView(get()).stale).toBe(true);
    actions.undo();
    expect(speedView(get())).toMatchObject({ stale: false });
    expect(speedView(get()).notes[0]).toMatch(/plan changed during this measurement/);
  });

  it('ends when scoring starts, and says why', async () => {
    const { actions, get } = await scored({ stepMs: 5 });
    const measuring = actions.measureSpeed('paper');
    await until(() => get().speed.running?.loaded.original !== undefined);
    await actions.score();
    await measuring;
    expect(get().speed.running).toBeNull();
    expect(get().view.toast?.text).toMatch(/^Measuring was stopped: scoring/);
  });

  it('forgets everything with the model, and ends what runs', async () => {
    const { actions, get, meter } = await scored({ stepMs: 5 });
    actions.setAutoMeasure(false);
    await actions.measureSpeed('quick');
    const measuring = actions.measureSpeed('paper');
    await until(() => get().speed.running?.loaded.original !== undefined);
    await actions.openSample();
    await measuring;
    expect(get().speed).toMatchObject({ auto: false, running: null, shown: null });
    expect(get().speed.known.size).toBe(0);
    expect(meter.calls.at(-1)?.name).toBe('cancel');
    expect(get().errors.speed).toBeUndefined();
  });
});

describe('auto-measure', () => {
  it('measures a settled plan once, after its perplexity', async () => {
    const { actions, get, meter } = await scored();
    actions.toggle(3);
    actions.toggle(5);
    await until(() => get().speed.known.size > 0);
    expect(get().effect.known.size).toBeGreaterThan(0);
    expect(meter.calls.map((call) => call.name)).toEqual(['measure']);
    expect(meter.calls[0]?.args[0]).toMatchObject({ removed: [3, 5], settings: { mode: 'quick' } });
    await aWhile();
    expect(meter.calls).toHaveLength(1);
    // Back and forth costs nothing.
    actions.undo();
    actions.redo();
    await aWhile();
    expect(meter.calls.filter((call) => call.name === 'measure')).toHaveLength(1);
    expect(speedView(get())).toMatchObject({ stale: false });
  });

  it('does nothing when off, without removals, or before the perplexity is known', async () => {
    const { actions, get, meter } = await scored();
    await aWhile();
    expect(meter.calls).toEqual([]);
    actions.setAutoMeasure(false);
    actions.toggle(3);
    await aWhile();
    expect(meter.calls).toEqual([]);
    actions.setAutoMeasure(true);
    await until(() => get().speed.known.size > 0);
    const unscored = setUp();
    await unscored.actions.openSample();
    unscored.actions.toggle(3);
    await aWhile();
    expect(unscored.meter.calls).toEqual([]);
  });

  it('gives way to a change of the plan, and measures the new one', async () => {
    const { actions, get, meter } = await scored({ stepMs: 4 });
    actions.toggle(3);
    await until(() => meterUse(get()) === 'auto');
    actions.toggle(5);
    expect(get().speed.running).toBeNull();
    await until(() => get().speed.known.size > 0);
    expect([...get().speed.known.values()].map((one) => one.removed)).toEqual([[3, 5]]);
    expect(meter.calls.map((call) => call.name)).toEqual(['measure', 'cancel', 'measure']);
  });

  it('gives way to scoring, and comes back afterwards', async () => {
    const { actions, get, meter } = await scored({ stepMs: 4 });
    actions.toggle(3);
    await until(() => meterUse(get()) === 'auto');
    const scoring = actions.score();
    expect(meterUse(get())).toBeNull();
    await scoring;
    await until(() => get().speed.known.size > 0);
    expect(meter.calls.filter((call) => call.name === 'measure')).toHaveLength(2);
    expect(get().view.toast).toBeNull();
  });

  it('rests after an error or a cancel until the plan changes', async () => {
    const { actions, get, meter } = await scored({ stepMs: 2 });
    meter.failNext('measure', lost());
    actions.toggle(3);
    await until(() => get().errors.speed !== undefined);
    await aWhile();
    expect(meter.calls).toHaveLength(1);
    actions.toggle(5);
    expect(get().errors.speed).toBeUndefined();
    await until(() => meterUse(get()) === 'auto');
    command('cancel').run(actions, get());
    await aWhile();
    expect(meterUse(get())).toBeNull();
    expect(get().speed.known.size).toBe(0);
    actions.toggle(7);
    await until(() => get().speed.known.size > 0);
  });

  it('does not try a plan again whose pruned variant failed', async () => {
    const { actions, get, meter } = await scored();
    meter.failVariant('pruned', full());
    actions.toggle(3);
    await until(() => get().speed.known.size > 0);
    await aWhile();
    expect(meter.calls).toHaveLength(1);
  });

  it('becomes a measurement that was asked for when someone asks', async () => {
    const { actions, get } = await scored({ stepMs: 4 });
    actions.toggle(3);
    await until(() => meterUse(get()) === 'auto');
    const asked = actions.measureSpeed('paper');
    expect(meterUse(get())).toBe('measure');
    await asked;
    expect(speedView(get()).protocol).toMatch(/^paper/);
    await aWhile();
    expect(get().speed.known.size).toBe(1);
  });
});

describe('prediction', () => {
  it('needs two sizes, and shows its error once the plan is measured', async () => {
    const { actions, get } = await scored({ noise: 0, drift: [1, 1.02] });
    actions.setAutoMeasure(false);
    await actions.measureSpeed('quick');
    actions.dropLowest(4);
    expect(speedView(get()).prediction).toBeNull();
    await actions.measureSpeed('quick');
    expect(speedView(get())).toMatchObject({ prediction: null, predicted: null });
    actions.dropLowest(8);
    const { prediction } = speedView(get());
    expect(prediction?.tokensPerSecond).toBeCloseTo(rate(8), 4);
    expect(prediction?.fit.b).toBeCloseTo(32 * 0.0002, 8);
    await actions.measureSpeed('quick');
    const { predicted, pruned } = speedView(get());
    expect(pruned?.speed.throughput.mean).toBeCloseTo(rate(8) * 1.02, 4);
    expect(predicted?.tokensPerSecond).toBeCloseTo(rate(8), 4);
    expect(predicted?.error).toBeCloseTo(1 / 1.02 - 1, 6);
    // Measured again: still what other plans said, not its own number.
    await actions.measureSpeed('quick');
    expect(speedView(get()).predicted?.tokensPerSecond).toBeCloseTo(rate(8), 4);
  });

  it('does not mix settings', async () => {
    const { actions, get } = await scored();
    actions.setAutoMeasure(false);
    await actions.measureSpeed('quick');
    actions.dropLowest(4);
    await actions.measureSpeed('paper');
    actions.dropLowest(2);
    // Both sizes were measured by the paper's protocol; the quick one knows of one size only.
    expect(speedView(get()).prediction).not.toBeNull();
    actions.undo();
    actions.keepAll();
    await actions.measureSpeed('quick');
    actions.dropLowest(6);
    expect(speedView(get()).prediction).toBeNull();
  });
});

describe('batch sweep', () => {
  it('sweeps both until each stops, and marks the result when the plan changes', async () => {
    const { actions, get } = await scored({ maxBatch: 8 });
    actions.setAutoMeasure(false);
    actions.dropLowest(8);
    await actions.sweepBatches();
    const { shown, running } = get().speed.sweep;
    expect(running).toBeNull();
    expect(shown?.result.original.map((point) => point.batch)).toEqual([1, 2, 4, 8]);
    expect(shown?.result.pruned.map((point) => point.batch)).toEqual([1, 2, 4, 8, 16]);
    expect(shown?.result.stopped.map(({ which, batch }) => [which, batch])).toEqual([
      ['original', 16],
      ['pruned', 32],
    ]);
    expect(shown?.removed).toEqual(get().plan.present.removed);
  });

  it('is cancelled, and an error shows at its place', async () => {
    const { actions, get, meter } = await scored({ stepMs: 5 });
    const sweeping = actions.sweepBatches();
    await until(() => get().speed.progress !== null);
    expect(meterUse(get())).toBe('sweep');
    command('cancel').run(actions, get());
    await sweeping;
    expect(get().speed.sweep).toEqual({ running: null, shown: null });
    expect(get().errors.speed).toBeUndefined();
    meter.failNext('sweep', lost());
    await actions.sweepBatches();
    expect(get().errors.speed?.code).toBe('device-lost');
    expect(meterUse(get())).toBeNull();
  });
});
