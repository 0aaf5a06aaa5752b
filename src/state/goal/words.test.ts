// Sentences about goals: what a run will take, and numbers beside a bound.

import { describe, expect, it } from 'vitest';
import { costs, reached, rise } from '../../words/goal.ts';

const s = (low: number, high = low) => ({ low, high });

describe('words of the goal', () => {
  it('say how long a run takes as far as that is known', () => {
    expect(costs({ score: s(20), plans: s(5), speed: s(15, 30), search: s(0, 36) })).toBe(
      'Takes about 40 to 50 s: scoring about 20 s, perplexities about 5 s, speed about 15 to ' +
        '30 s. An iterative search may add up to about 40 s.',
    );
    expect(costs({ score: null, plans: null, speed: 'no', search: null })).toBe(
      'How long scoring and perplexities will take is known once they run.',
    );
    expect(costs({ score: 'no', plans: 'no', speed: 'no', search: null })).toBe('Takes a moment.');
  });

  it('give a rise one digit more than would make it look equal to its bound', () => {
    expect(rise(0.1926)).toBe('+19 %');
    expect(rise(0.153, 0.15)).toBe('+15.3 %');
    expect(rise(0.15, 0.15)).toBe('+15 %');
    expect(rise(-0.02)).toBe('−2.0 %');
    expect(rise(Number.POSITIVE_INFINITY)).toBe('off the scale');
  });

  it('claim no more digits than the interval allows', () => {
    expect(reached('faster', { value: 1.312, ci95: [1.13, 1.51] }, null)).toBe(
      '1.3 × (1.13 to 1.51)',
    );
    expect(reached('speed', { value: 2, ci95: [1.6, 2.5] }, 152)).toMatch(/^about 3\d0 tok\/s \(/);
    expect(reached('size', { value: 9.4e6, ci95: [9.4e6, 9.4e6] }, null)).toBe('9.4 MB');
  });
});
