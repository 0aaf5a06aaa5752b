// The paired ratio: exact where rounds agree, unaffected by one disturbed round, wide where rounds
// disagree.

import { describe, expect, it } from 'vitest';
import { bestOf, pairedRatio } from './paired.ts';

describe('the paired ratio', () => {
  it('is exact when every round says the same, however fast the machine was', () => {
    expect(pairedRatio([200, 100, 50, 400], [100, 50, 25, 200])).toEqual({
      ratio: 2,
      ci95: [2, 2],
    });
  });

  it('is not moved by one round in which one of the two was slowed', () => {
    const a = Array.from({ length: 20 }, (_, i) => 110 + (i % 3));
    const b = Array.from({ length: 20 }, (_, i) => 100 + ((i + 1) % 3));
    const calm = pairedRatio(a, b);
    const once = pairedRatio(
      a.map((value, i) => (i === 7 ? value / 10 : value)),
      b,
    );
    expect(once.ratio).toBeCloseTo(calm.ratio, 1);
    expect(once.ci95[0]).toBeGreaterThan(1.05);
  });

  it('has an interval that holds 1 when rounds contradict each other', () => {
    const { ci95 } = pairedRatio([100, 130, 90, 120, 80, 105], [120, 100, 110, 100, 105, 100]);
    expect(ci95[0]).toBeLessThan(1);
    expect(ci95[1]).toBeGreaterThan(1);
  });

  it('takes the fastest run of each round', () => {
    expect(bestOf([1, 5, 2, 7, 6, 3, 9], 3)).toEqual([5, 7]);
  });

  it('refuses lists that are no pairs', () => {
    expect(() => pairedRatio([1, 2], [1])).toThrow(RangeError);
    expect(() => pairedRatio([], [])).toThrow(RangeError);
  });
});
