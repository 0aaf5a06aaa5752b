// Curves of versions that put NaN in order: their order is dropped when they are read back.

import { hasNumbers } from '../../analysis/perplexity.ts';
import type { Measure, ScoreResult } from '../../contract/score.ts';

type Curve = { baseline: Measure; order: readonly unknown[] } & Pick<ScoreResult, 'hidden'>;

/**
 * The result with an order only where the intact model gives numbers. Versions that put NaN in
 * order also had scores for hidden states that were NaN: those go with it.
 */
export function ranked<R extends Curve>(result: R): R {
  if (hasNumbers(result.baseline) || result.order.length === 0) return result;
  const { hidden: _, ...rest } = result;
  return { ...(rest as R), order: [] };
}
