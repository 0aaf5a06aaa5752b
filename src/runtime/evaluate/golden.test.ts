// The whole evaluation text against PyTorch: perplexity of the sample by the paper's protocol.
// Plans and longer segments are held to PyTorch by the bench.

import { expect, test } from 'vitest';
import { evaluateWhole, relative } from '../testing/goldenEvaluation.ts';

test('segments of 128 tokens: PPL within 1e-4 relative', async () => {
  const { original, result } = await evaluateWhole([], 128, 'none');
  expect(result.segments).toBe(original.segments);
  expect(relative(result.original.ppl, original.ppl)).toBeLessThan(1e-4);
});
