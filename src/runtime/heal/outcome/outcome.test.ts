// What the outcome of a healing is judged by.

import { expect, test } from 'vitest';
import type { HealedMeasure } from '../../../model/healing/healing.ts';
import { outcomeWarnings } from './outcome.ts';

const row = (set: HealedMeasure['set'], healed: number): HealedMeasure => ({
  ...{ set, name: 'a.txt', predicted: 9, original: 3, pruned: 4, control: null, healed },
});

test('a rise is warned of on what was not seen, else on what was', () => {
  expect(outcomeWarnings([row('fit', 5), row('held-out', 3.5)])).toEqual([]);
  expect(outcomeWarnings([row('fit', 3.5), row('held-out', 5)]).join()).toMatch(/held-out part of/);
  expect(outcomeWarnings([row('fit', 5)]).join()).toMatch(/sample of a\.txt the NLL rises from 4/);
  expect(outcomeWarnings([row('fit', 3.5)])).toEqual([]);
});
