// A whole evaluation text in long segments against PyTorch.

import { expect, test } from 'vitest';
import { evaluateWhole, relative } from './testing/goldenEvaluation.ts';

test('the sample in segments of 512 tokens: PPL within 1e-4 relative', async () => {
  const { original, result } = await evaluateWhole([], 512, 'none');
  expect(result.segments).toBe(original.segments);
  expect(relative(result.original.ppl, original.ppl)).toBeLessThan(1e-4);
}, 300_000);
