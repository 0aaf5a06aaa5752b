// Estimates in words: one number where both ends agree, never more digits than are known.

import { expect, test } from 'vitest';
import { aboutSeconds, upToSeconds } from './duration.ts';

test('times are rounded, in one unit, and a range only where the ends differ', () => {
  expect(aboutSeconds({ low: 340, high: 490 })).toBe('about 6 to 8 min');
  expect(aboutSeconds({ low: 39, high: 41 })).toBe('about 40 s');
  expect(aboutSeconds({ low: 4.2, high: 6.4 })).toBe('about 4 to 6 s');
  expect(aboutSeconds({ low: 70, high: 130 })).toBe('about 1 to 2 min');
  expect(aboutSeconds({ low: 0.4, high: 1.2 })).toBe('a few seconds');
  expect(aboutSeconds({ low: 5000, high: 9000 })).toBe('about 1.5 to 2.5 h');
  expect(upToSeconds({ low: 4, high: 34 })).toBe('up to about 30 s');
});
