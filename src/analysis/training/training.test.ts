// AdamW and clipping against PyTorch; learning rates and the order of sequences by their formulas.

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { adamW, clipping, globalNorm, noMoments } from './optimiser.ts';
import { stepOrder } from './order.ts';
import { rateAt } from './schedule.ts';

describe('AdamW with clipping', () => {
  const gradients = [
    [0.3, -0.02, 1e-6, 4],
    [-0.1, 0.5, 2e-6, 3],
    [0.25, 0, -1e-6, -2],
  ];
  // torch.optim.AdamW 2.13: lr 0.01 * t / 3, weight decay 0.1, after clip_grad_norm_ to 1.
  const wanted = [
    { norm: 4.011284351, values: [0.49650002, -1.24625003, -0.0032047806, 2.99566674] },
    { norm: 3.043024778, values: [0.49407616, -1.25024235, -0.0093022455, 2.9870049] },
    { norm: 2.015564442, values: [0.48691171, -1.25458467, -0.0114576295, 2.98140359] },
  ];

  it('is that of PyTorch', () => {
    const values = Float32Array.of(0.5, -1.25, 0, 3);
    const moments = noMoments(4);
    for (const [k, given] of gradients.entries()) {
      const gradient = Float32Array.from(given);
      const norm = globalNorm([gradient]);
      expect(norm).toBeCloseTo(wanted[k]!.norm, 6);
      const step = { rate: (0.01 * (k + 1)) / 3, weightDecay: 0.1 };
      adamW(values, gradient, moments, k + 1, step, clipping(norm, 1));
      for (const [i, value] of values.entries())
        expect(Math.abs(value - wanted[k]!.values[i]!)).toBeLessThanOrEqual(
          2e-7 * Math.max(1e-3, Math.abs(value)),
        );
    }
  });

  it('leaves gradients under the limit as they are, and all of them without one', () => {
    expect(clipping(0.4, 0.5)).toBe(1);
    expect(clipping(5, null)).toBe(1);
    expect(clipping(5, 0.5)).toBeCloseTo(0.1, 6);
  });

  it('gives a norm that is not finite for a gradient that is not', () => {
    expect(globalNorm([Float32Array.of(1), Float32Array.of(Number.NaN)])).toBeNaN();
    // Squares beyond float32 are not beyond float64.
    expect(globalNorm([Float32Array.of(3e30, 4e30)]) / 5e30).toBeCloseTo(1, 6);
  });
});

describe('learning rate', () => {
  const schedule = { rate: 2, warmup: 4, steps: 12 };

  it('rises linearly to its peak and stays there', () => {
    const rates = [1, 2, 3, 4, 5, 12].map((t) => rateAt(t, { ...schedule, schedule: 'constant' }));
    expect(rates).toEqual([0.5, 1, 1.5, 2, 2, 2]);
  });

  it('or falls along half a cosine that ends above 0', () => {
    const rates = [4, 5, 9, 12].map((t) => rateAt(t, { ...schedule, schedule: 'cosine' }));
    expect(rates[0]).toBe(2);
    expect(rates[1]).toBe(2);
    expect(rates[2]).toBeCloseTo(1, 12);
    expect(rates[3]).toBeCloseTo(1 + Math.cos((7 / 8) * Math.PI), 12);
    expect(rates[3]).toBeGreaterThan(0);
  });

  it('is finite and never negative, whatever the settings', () => {
    const whole = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(whole, whole, fc.nat(60), (steps, t, warmup) => {
        fc.pre(t <= steps);
        const rate = rateAt(t, { rate: 1, warmup, steps, schedule: 'cosine' });
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('order of sequences', () => {
  test('as they stand, from the start again behind the last', () => {
    const at = stepOrder({ count: 5, batch: 3, order: 'given', seed: 1 });
    expect([0, 1, 2].map(at)).toEqual([
      [0, 1, 2],
      [3, 4, 0],
      [1, 2, 3],
    ]);
  });

  test('shuffled, each once in an epoch, in another order in each', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (count, batch) => {
          const at = stepOrder({ count, batch, order: 'shuffled', seed: 7 });
          const steps = Math.ceil((3 * count) / batch);
          const taken = Array.from({ length: steps }, (_, step) => at(step)).flat();
          for (let epoch = 0; epoch < 3; epoch++) {
            const own = taken.slice(epoch * count, (epoch + 1) * count);
            expect([...own].sort((a, b) => a - b)).toEqual(
              Array.from({ length: count }, (_, k) => k),
            );
          }
        },
      ),
    );
    const at = stepOrder({ count: 40, batch: 40, order: 'shuffled', seed: 7 });
    expect(at(0)).not.toEqual(at(1));
    expect(at(0)).not.toEqual(stepOrder({ count: 40, batch: 40, order: 'shuffled', seed: 8 })(0));
    // Asked again, and in another order.
    const other = stepOrder({ count: 40, batch: 40, order: 'shuffled', seed: 7 });
    expect([other(1), other(0)]).toEqual([at(1), at(0)]);
  });
});
