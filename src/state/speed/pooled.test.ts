// Repeated measurements, and measurements that a prediction contradicts.

import { describe, expect, it } from 'vitest';
import { scored } from '../testing/setUp.ts';
import { speedView } from './selectors.ts';

describe('a plan that is measured again', () => {
  it('pools the runs and keeps the gain of each measurement', async () => {
    const { actions, get } = await scored({ drift: [1, 1.5], load: [1, 2] });
    actions.setAutoMeasure(false);
    actions.toggle(3);
    await actions.measureSpeed('quick');
    expect(speedView(get()).gains).toEqual([]);
    const first = speedView(get()).gain!;
    await actions.measureSpeed('quick');
    const { gains, gain, pruned, original } = speedView(get());
    expect(gains).toHaveLength(2);
    expect(gains[0]).toBe(first);
    expect(gain!.ratio).toBeGreaterThan(first.ratio);
    expect(gain!.ratio).toBeLessThan(gains[1]!.ratio);
    expect(pruned!.speed.runs).toBe(10);
    expect(original!.loads).toHaveLength(2);
    expect(get().speed.known.size).toBe(1);
    await actions.measureSpeed('quick');
    expect(speedView(get()).gains).toHaveLength(3);
  });

  it('is not pooled with another protocol', async () => {
    const { actions, get } = await scored();
    actions.setAutoMeasure(false);
    actions.toggle(3);
    await actions.measureSpeed('quick');
    await actions.measureSpeed('paper');
    expect(speedView(get()).gains).toEqual([]);
    expect(speedView(get()).pruned!.speed.runs).toBe(20);
  });
});

describe('prediction and measurement', () => {
  it('part when they differ by more than 30 %', async () => {
    const { actions, get } = await scored({ noise: 0, drift: [1, 1.2, 2] });
    actions.setAutoMeasure(false);
    actions.setRange(4, 5, true);
    await actions.measureSpeed('quick');
    actions.setRange(4, 7, true);
    await actions.measureSpeed('quick');
    expect(speedView(get()).predicted).not.toBeNull();
    expect(speedView(get()).parted).toBe(false);
    actions.setRange(4, 9, true);
    await actions.measureSpeed('quick');
    expect(speedView(get()).predicted!.error).toBeLessThan(-0.3);
    expect(speedView(get()).parted).toBe(true);
  });

  it('are never of a gain that removing blocks cannot bring', async () => {
    // Two blocks of sixteen cannot make it three times as fast.
    const { actions, get } = await scored({ noise: 0, drift: [3] });
    actions.setAutoMeasure(false);
    actions.setRange(4, 5, true);
    await actions.measureSpeed('quick');
    actions.setRange(4, 11, true);
    const { prediction } = speedView(get());
    expect(prediction!.fit.a).toBe(0);
    expect(prediction!.gain).toBeLessThan(16 / 8 + 1);
  });

  it('do not part because the machine was slower for a while', async () => {
    const { actions, get } = await scored({ noise: 0, load: [1, 3] });
    actions.setAutoMeasure(false);
    actions.setRange(4, 5, true);
    await actions.measureSpeed('quick');
    actions.setRange(4, 9, true);
    expect(speedView(get()).prediction!.gain).toBeGreaterThan(1);
    await actions.measureSpeed('quick');
    expect(speedView(get()).predicted!.error).toBeCloseTo(0, 2);
  });
});
