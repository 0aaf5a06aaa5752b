// Times in the past in words.

import { expect, it } from 'vitest';
import { agoWords } from './ago.ts';

it('counts in the largest unit that says something', () => {
  const minutes = [-1, 0.9, 1, 59.9, 60, 47 * 60, 48 * 60];
  expect(minutes.map((m) => agoWords(m * 60_000))).toEqual([
    'just now',
    'just now',
    '1 minute ago',
    '59 minutes ago',
    '1 hour ago',
    '47 hours ago',
    '2 days ago',
  ]);
});
