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
import type { Options } from './options.ts';

/** Of commands that write an export or measure what one would write. */
export const STEP_OPTIONS = {
  dtype: {
    type: 'choice',
    value: 'type',
    choices: Object.keys(EXPORT_DTYPES) as ExportDtype[],
    help: 'precision of the export; by default that of the original',
  },
} as const satisfies Options;

/**
 * The steps that `--dtype` asks for.
 * @throws EspalierError `bad-input` for a precision that the graph has already, or cannot take
 */
export function stepsFor({ summary }: OpenedModel, dtype: ExportDtype | undefined): StepChoice[] {
  const steps = dtypeSteps(dtype ?? null);
  const why = stepsObstacle(summary.dtype, steps);
  if (why === null) return steps;
  throw new EspalierError(
    'bad-input',
    why,
    'Leave --dtype out, or name the float32 graph with --model.',
  );
}
