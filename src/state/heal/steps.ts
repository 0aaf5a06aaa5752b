// The steps after the removal that make the bytes of the plan as it is now: its healing, its
// precision.

import { dtypeSteps, type ExportDtype, type StepChoice } from '../../model/export/steps.ts';
import type { Context } from '../context.ts';

/**
 * The healing is fetched with its weights: only what runs or writes it needs those.
 * @param quantised what becomes of the changed matrices of a graph of few bits
 * @throws EspalierError `bad-input` where the healing is gone
 */
export async function stepsOf(
  { api }: Pick<Context, 'api'>,
  healing: string | undefined,
  dtype: ExportDtype | null,
  quantised: 'again' | 'float' = 'again',
): Promise<StepChoice[]> {
  const steps = dtypeSteps(dtype);
  if (healing === undefined) return steps;
  return [{ step: 'healing', healing: await api.healing(healing), quantised }, ...steps];
}
