// `--dtype`: the precision that an export is written in, as the steps that make it.

import { EspalierError } from '../errors.ts';
import {
  dtypeSteps,
  EXPORT_DTYPES,
  type ExportDtype,
  type StepChoice,
  stepsObstacle,
} from '../model/export/steps.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { oneOf } from './args.ts';

const DTYPES = Object.keys(EXPORT_DTYPES) as ExportDtype[];

/** The steps that `--dtype` asks for. @throws UsageError for one that there is not */
export function parseSteps(dtype: string | undefined): StepChoice[] {
  return dtypeSteps(oneOf(dtype, 'dtype', DTYPES) ?? null);
}

/** @throws EspalierError `bad-input` for a precision that the graph has already, or cannot take */
export function checkSteps({ summary }: OpenedModel, steps: readonly StepChoice[]): void {
  const why = stepsObstacle(summary.dtype, steps);
  if (why === null) return;
  throw new EspalierError(
    'bad-input',
    why,
    'Leave --dtype out, or name the float32 graph with --model.',
  );
}
