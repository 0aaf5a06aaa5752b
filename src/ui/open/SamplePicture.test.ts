// The picture on the first page must be the sample's true curve.

import { describe, expect, it } from 'vitest';
import { golden, type SampleGolden } from '../../testing/fixtures.ts';
import { SAMPLE_CURVE } from './sampleCurve.ts';

describe('picture of the sample', () => {
  it('draws the golden numbers', () => {
    const { baseline_ppl, loo_ppl } = golden<SampleGolden>('sample');
    expect(SAMPLE_CURVE.baseline).toBeCloseTo(baseline_ppl, 1);
    expect(SAMPLE_CURVE.without).toHaveLength(loo_ppl.length);
    loo_ppl.forEach((ppl, block) => {
      expect(Math.abs(SAMPLE_CURVE.without[block]! / ppl - 1)).toBeLessThan(0.002);
    });
  });
});
