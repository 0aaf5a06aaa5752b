// Digits by spread: noise takes digits away, steady numbers keep three, and no digit is made up.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBySpread,
  formatEnds,
  formatGain,
  formatGainSpread,
  formatSpread,
} from './spread.ts';

describe('a number with its spread', () => {
  it('has no more digits than the spread allows', () => {
    expect(formatSpread(305.8, [253, 386], 'tok/s')).toBe('about 300 tok/s (253 to 386)');
    expect(formatSpread(305.8, [303.2, 309.4], 'tok/s')).toBe('306 tok/s (303 to 309)');
    expect(formatSpread(128.4, [119.6, 133], 'tok/s')).toBe('about 130 tok/s (120 to 133)');
    expect(formatSpread(7.6234, [7.61, 7.64])).toBe('7.62 (7.61 to 7.64)');
    expect(formatSpread(4931, [4200, 5600])).toBe('about 5,000 (4,200 to 5,600)');
    expect(formatSpread(0.0432, [0.041, 0.046])).toBe('about 0.043 (0.0410 to 0.0460)');
  });

  it('keeps one digit when the spread is larger than the number', () => {
    expect(formatBySpread(43, [2, 400])).toBe('40');
    expect(formatBySpread(43, [2, 400], 2)).toBe('43');
  });

  it('is not moved by much: another digit stays where rounding would', () => {
    expect(formatBySpread(1503, [1010, 2200])).toBe('1,500');
    expect(formatBySpread(653, [453, 804])).toBe('650');
  });

  it('has no ends without a spread', () => {
    expect(formatSpread(152.34, [152.34, 152.34], 'tok/s')).toBe('152 tok/s');
    expect(formatGainSpread(1.752, [1.752, 1.752])).toBe('1.75 ×');
  });

  it('shows both ends in the digits of the larger', () => {
    expect(formatEnds([95.21, 104.4])).toBe('95 to 104');
    expect(formatEnds([0.987, 1.234])).toBe('0.99 to 1.23');
  });
});

describe('a gain', () => {
  it('has one or two decimals', () => {
    expect(formatGainSpread(1.432, [1.38, 1.49])).toBe('1.43 × (1.38 to 1.49)');
    expect(formatGainSpread(1.712, [1.05, 2.61])).toBe('1.7 × (1.05 to 2.61)');
    expect(formatGain(1, [0.99, 1.01])).toBe('1.00 ×');
    expect(formatGainSpread(0.968, [0.91, 1.04])).toBe('0.97 × (0.91 to 1.04)');
    expect(formatGainSpread(0.9677, [0.962, 0.974])).toBe('0.97 × (0.96 to 0.97)');
  });
});

it('rounds by no more than an eighth of the spread, or in the third digit', () => {
  const number = fc.double({ min: 1e-3, max: 1e5, noNaN: true });
  fc.assert(
    fc.property(number, fc.double({ min: 0.01, max: 0.9, noNaN: true }), (value, share) => {
      const ends = [value * (1 - share), value * (1 + share)] as const;
      const shown = Number(formatBySpread(value, ends).replaceAll(',', ''));
      expect(Math.abs(shown - value)).toBeLessThanOrEqual(
        Math.max((ends[1] - ends[0]) / 8, 0.0051 * value),
      );
    }),
  );
});
