// The parts of a loss add up to the whole.

import { expect, it } from 'vitest';
import type { QuantisedMeasure, QuantisedPart } from '../../../model/quantise/quantisation.ts';
import { lossBars, lossRange } from './lossParts.ts';

const part = (nll: number): QuantisedPart => ({ nll, klDivergence: null, top1Agreement: null });

const measure: QuantisedMeasure = {
  set: 'windows',
  name: 'text',
  predicted: 10,
  original: { nll: 3 },
  pruned: part(3.5),
  healed: part(3.25),
  quantised: part(3.375),
};

it('each part begins where the one before it ended', () => {
  expect(lossBars(measure)).toEqual([
    { stage: 'pruned', from: 0, to: 0.5 },
    { stage: 'healed', from: 0.5, to: 0.25 },
    { stage: 'quantised', from: 0.25, to: 0.375 },
  ]);
});

it('an intact model has the part of the quantisation alone, which may be a gain', () => {
  const parts = lossBars({ ...measure, pruned: null, healed: null, quantised: part(2.75) });
  expect(parts).toEqual([{ stage: 'quantised', from: 0, to: -0.25 }]);
  expect(lossRange([parts]).low).toBeLessThan(-0.25);
  expect(lossRange([lossBars(measure)])).toMatchObject({ low: 0 });
  expect(lossRange([]).high).toBeGreaterThan(0);
});
