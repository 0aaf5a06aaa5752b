// Estimated times and phases in words.

import { describe, expect, it } from 'vitest';
import { phaseWords, question, roughTime, takes, withTime } from './speedSummary.ts';

describe('estimated times', () => {
  it('are rounded up, more coarsely the longer they are', () => {
    expect([0.2, 7.1, 12, 31, 95, 3700].map(roughTime)).toEqual([
      '1 s',
      '8 s',
      '15 s',
      '35 s',
      '2 min',
      '1 h 2 min',
    ]);
  });

  it('say what is known of them', () => {
    expect(takes({ seconds: 300, isMost: true })).toBe('up to 5 min');
    expect(withTime('Measure', null)).toBe('Measure');
    expect(withTime('Measure', { seconds: 4, isMost: false })).toBe('Measure (about 4 s)');
    expect(question({ seconds: 118, isMost: false })).toBe(
      'Measuring this plan takes about 2 min.',
    );
    expect(question(null)).toMatch(/Time unknown until the first run/);
  });
});

it('names every phase, with the time left', () => {
  const phase = { which: null, count: null, compiles: false, secondsLeft: null };
  expect(
    phaseWords({
      phase: 'load',
      which: 'pruned',
      count: [1, 1],
      compiles: true,
      secondsLeft: 38,
    }),
  ).toBe('Loading the pruned model, compiling 1 of 1, 40 s left');
  expect(phaseWords({ ...phase, phase: 'load', which: 'original' })).toBe('Loading the original');
  expect(phaseWords({ ...phase, phase: 'load' })).toBe('Loading');
  expect(phaseWords({ ...phase, phase: 'timed', count: [3, 10], secondsLeft: 5.5 })).toBe(
    'Timed run 3 of 10, 6 s left',
  );
});
