// A whole evaluation text against PyTorch: perplexity of the sample and of a plan by the paper's protocol.

import { expect, test } from 'vitest';
import { evaluateWhole, relative } from './testing/goldenEvaluation.ts';

test('without blocks 7 and 9, segments of 128 tokens: both PPLs within 1e-4 relative', async () => {
  const { original, plan, result } = await evaluateWhole([7, 9], 128, 'none');
  expect(result.segments).toBe(original.segments);
  expect(relative(result.original.ppl, original.ppl)).toBeLessThan(1e-4);
  expect(relative(result.plan?.ppl, plan.ppl)).toBeLessThan(1e-4);
}, 300_000);
