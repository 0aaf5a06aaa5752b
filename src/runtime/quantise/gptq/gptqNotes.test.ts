// Sentences on what GPTQ does in another way, and on how long it takes.

import { expect, it } from 'vitest';
import { timeNotes, unseenNotes } from './gptqNotes.ts';

it('name a few matrices and count the rest', () => {
  expect(unseenNotes([])).toEqual([]);
  expect(unseenNotes(['a', 'a'])).toEqual([
    'The matrix a is rounded to the nearest, because what it multiplies is zero on the whole ' +
      'calibration text.',
  ]);
  expect(unseenNotes(['a', 'b', 'c', 'd', 'e'])[0]).toMatch(
    /^The matrices a, b, c and 2 more are rounded/,
  );
});

it('say how long the algebra takes where it takes long', () => {
  expect(timeNotes(1e12)).toEqual([]);
  expect(timeNotes(6.5e12)[0]).toMatch(/about 27 minutes on one core/);
  expect(timeNotes(1e14)[0]).toMatch(/about 7 hours on one core/);
});
