// Time before work: what is known of it before the first run, after it, and for another model; and
// when an automatic measurement asks first.

import { describe, expect, it } from 'vitest';
import { aWhile, scored, setUp, until } from '../testing/setUp.ts';
import { asksToMeasure, autoStance } from './auto.ts';
import { meterUse } from './metering.ts';
import { sweepTime, TIMES } from './time.ts';

const ofBytes = (bytes: number) => ({ adjust: <S>(summary: S) => ({ ...summary, bytes }) });
const large = ofBytes(2e9);

/** Seconds of a run of `tokens` tokens of the stand-in. */
const run = (blocks: number, tokens: number) => (0.0005 + 0.0002 * blocks) * tokens;

describe('time before work', () => {
  it('is unknown before the first run, and known of every protocol afterwards', async () => {
    const { actions, get } = setUp({ noise: 0 });
    await actions.openSample();
    expect([TIMES.quick(get()), TIMES.paper(get()), sweepTime(get())]).toEqual([null, null, null]);
    await actions.measureSpeed('quick');
    const [quick, paper] = [TIMES.quick(get())!, TIMES.paper(get())!];
    expect(quick.isOfOther).toBe(false);
    // Half a second to start, the load of the stand-in, and the runs; the prompt takes two tokens.
    expect(quick.seconds).toBeCloseTo(0.5 + 0.26 + 7 * run(16, 32), 1);
    expect(paper.seconds).toBeCloseTo(0.5 + 0.26 + 30 * run(16, 2 + (127 * 30) / 31), 1);
    expect(sweepTime(get())).toMatchObject({ isMost: true });
  });

  it('counts the original too once something is removed', async () => {
    const { actions, get } = setUp({ noise: 0 });
    await actions.openSample();
    await actions.measureSpeed('quick');
    const alone = TIMES.quick(get())!.seconds;
    actions.setAutoMeasure(false);
    actions.setRange(4, 11, true);
    expect(TIMES.quick(get())!.seconds).toBeGreaterThan(1.4 * alone);
    expect(TIMES.quick(get())!.seconds).toBeLessThan(2 * alone);
  });

  it('is scaled from the model that was measured before', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    await actions.measureSpeed('quick');
    const known = get().speed.paces.get('auto')!;
    expect(known.model).toMatch(/^\S.*\/onnx\/model\.onnx$/);
    await actions.openSample();
    expect(get().speed.known.size).toBe(0);
    expect(get().speed.paces.get('auto')).toBe(known);
  });

  it('of a sweep is what the last one took', async () => {
    const { actions, get } = await scored();
    actions.setAutoMeasure(false);
    await actions.sweepBatches();
    expect(sweepTime(get())).toMatchObject({ isMost: false, isOfOther: false });
  });

  it('stands beside the load before any run has shown it', async () => {
    const { actions, get } = setUp({ stepMs: 4 });
    await actions.openSample();
    await actions.measureSpeed('quick');
    expect(get().speed.progress).toBeNull();
    const measuring = actions.measureSpeed('quick');
    await until(() => get().speed.progress !== null);
    expect(get().speed.progress!.secondsLeft).not.toBeNull();
    await measuring;
  });
});

describe('an automatic measurement', () => {
  it('is asked about first when it may take long, unless it is always wanted', async () => {
    const { actions, get, meter } = await scored({}, large);
    expect(autoStance(get())).toBe('asks');
    expect(asksToMeasure(get())).toBe(false);
    actions.toggle(3);
    await until(() => asksToMeasure(get()));
    await aWhile();
    expect(meter.calls).toEqual([]);
    actions.setAutoMeasure(true);
    expect(asksToMeasure(get())).toBe(false);
    await until(() => get().speed.known.size > 0);
    actions.setAutoMeasure(false);
    expect(autoStance(get())).toBe('off');
    actions.toggle(5);
    await aWhile();
    expect(asksToMeasure(get())).toBe(false);
  });

  it('starts by itself when a first one has shown that it is short', async () => {
    const { actions, get } = await scored({}, ofBytes(150e6));
    expect(autoStance(get())).toBe('asks');
    await actions.measureSpeed('quick');
    expect(autoStance(get())).toBe('starts');
  });

  it('stops and asks when its first runs show that it takes long', async () => {
    // Two seconds per token.
    const { actions, get, meter } = await scored({ stepMs: 1, a: 2, secondsPerRun: 60 });
    actions.toggle(3);
    await until(() => meterUse(get()) === 'auto');
    await until(() => asksToMeasure(get()));
    expect(meter.calls.map((call) => call.name)).toEqual(['measure', 'cancel']);
    expect(TIMES.quick(get())!.seconds).toBeGreaterThan(60);
    await aWhile();
    expect(meterUse(get())).toBeNull();
  });

  it('forgets "always" with the model, and keeps "never"', async () => {
    const { actions, get } = await scored();
    actions.setAutoMeasure(true);
    await actions.openSample();
    expect(get().speed.auto).toBeNull();
    actions.setAutoMeasure(false);
    await actions.openSample();
    expect(get().speed.auto).toBe(false);
  });
});
