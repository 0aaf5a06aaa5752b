// The axis of the importance chart, on the sample's curve and on hostile ones.

import { describe, expect, it } from 'vitest';
import { golden, type SampleGolden } from '../../testing/fixtures.ts';
import { roundTicks, scaleOf, ticksOf } from './scale.ts';

const sample = golden<SampleGolden>('sample');
const nlls = sample.loo_ppl.map(Math.log);

describe('scale', () => {
  it('keeps all blocks of the sample on the axis but the first', () => {
    const scale = scaleOf(Math.log(sample.baseline_ppl), nlls);
    expect(nlls.map((nll, i) => (nll > scale.high ? i : -1)).filter((i) => i >= 0)).toEqual([0]);
    expect(ticksOf(scale)[0]).toBeGreaterThanOrEqual(40);
    expect(ticksOf(scale).length).toBeGreaterThanOrEqual(3);
  });

  it('shows everything when much of the curve is high', () => {
    const values = [3, 4, 6, 8, 9, 10];
    const scale = scaleOf(2.5, values);
    expect(values.every((value) => value < scale.high)).toBe(true);
    expect(ticksOf(scale).length).toBeLessThanOrEqual(8);
  });

  it('shows every block when the original itself is hopeless', () => {
    const values = [17.5, 17.3, 17.9];
    const scale = scaleOf(17.4, values);
    expect(values.every((value) => value > scale.low && value < scale.high)).toBe(true);
  });

  it('survives infinite and missing values', () => {
    expect(scaleOf(null, [])).toEqual({ low: 0, high: 1 });
    const scale = scaleOf(3, [Number.POSITIVE_INFINITY, 3.1, Number.NaN]);
    expect(scale.high).toBeGreaterThan(3.1);
    expect(scale.high).toBeLessThan(4);
    expect(ticksOf({ low: 1, high: 690 }).every(Number.isFinite)).toBe(true);
  });

  it('meets zero where the axis crosses it', () => {
    expect(roundTicks(-0.0314, 0.0156).map(String)).toEqual([
      '-0.03',
      '-0.02',
      '-0.01',
      '0',
      '0.01',
    ]);
  });
});
