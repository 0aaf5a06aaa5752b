// The sentences on memory: items, streaming, obstacles.

import { expect, test } from 'vitest';
import { memoryInAll, memoryInParts } from './memoryWords.ts';

const MB = 1e6;
const resident = {
  weights: 12 * MB,
  hiddenStates: 3 * MB,
  scratch: 2 * MB,
  logits: MB,
  total: 18 * MB,
  largestBuffer: 4 * MB,
  budget: 8000 * MB,
  streaming: false,
  bytesRead: 12 * MB,
};

test('a model that fits is described item by item', () => {
  expect(memoryInParts(resident)).toBe(
    'Needs about 18.0 MB: weights 12.0 MB, hidden states 3.0 MB, scratch 2.0 MB, logits 1.0 MB.',
  );
  expect(memoryInAll(resident)).toBe('Needs about 18.0 MB, largest buffer 4.0 MB.');
});

test('a model that does not says that it is streamed, and how much is read', () => {
  const streamed = { ...resident, streaming: true, budget: 6 * MB };
  const words =
    'The whole model does not fit into 6.0 MB, so weights are read from the files during ' +
    'scoring, 12.0 MB in total.';
  expect(memoryInParts(streamed)).toContain(words);
  expect(memoryInAll(streamed)).toContain(words);
});

test('an obstacle is all that is said', () => {
  const obstacle =
    'Even streamed from the files, this model needs 2.5 MB at once, but the budget is 1.0 MB. ' +
    'Raise the memory budget.';
  expect(memoryInParts({ ...resident, obstacle })).toBe(obstacle);
  expect(memoryInAll({ ...resident, obstacle })).toBe(obstacle);
});
