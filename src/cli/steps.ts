// `--dtype`: the precisions that an export is written in.

import { QUANTISE_DEFAULTS } from '../contract/quantiseDefaults.ts';
import { EspalierError } from '../errors.ts';
import { type ExportFormat, FORMAT_NAMES, formatObstacle } from '../model/export/formats.ts';
import {
  dtypeSteps,
  EXPORT_DTYPES,
  type ExportDtype,
  isQuantisedDtype,
  type StepChoice,
  stepsObstacle,
} from '../model/export/steps.ts';
import { kitObstacle } from '../model/interop/kit/kit.ts';
import { graphDtype, sourceFormat } from '../model/open/made.ts';
import type { OpenedModel } from '../model/open/open.ts';
import type {
  Quantisation,
  QuantisedDtype,
  QuantiseSettings,
} from '../model/quantise/quantisation.ts';
import type { Unit } from '../units.ts';
import { UsageError } from './args.ts';
import type { Options } from './options.ts';

/** A precision as `--dtype` names it; `keep` is that of the source. */
export type Precision = 'keep' | ExportDtype;

export const PRECISIONS = ['keep', ...(Object.keys(EXPORT_DTYPES) as ExportDtype[])] as const;

/** Of commands that write an export. */
export const STEP_OPTIONS = {
  dtype: {
    type: 'text',
    value: 'types',
    help:
      `precision of the export: ${PRECISIONS.join(', ')}, or several for one folder, such as ` +
      'keep,q4; by default keep, that of the original',
  },
} as const satisfies Options;

/** The precisions of `--dtype`, each once, in their order. @throws UsageError */
export function precisionsOf(text: string | undefined): Precision[] {
  const words = (text ?? 'keep').split(',').map((word) => word.trim());
  const found = words.map((word) => {
    const precision = PRECISIONS.find((one) => one === word);
    if (precision) return precision;
    throw new UsageError(
      `--dtype is one of ${PRECISIONS.join(', ')}, or several with commas between them; not ` +
        `"${word}".`,
    );
  });
  const twice = found.find((one, k) => found.indexOf(one) < k);
  if (twice) throw new UsageError(`--dtype names ${twice} twice.`);
  return found;
}

/** Those that take a quantisation. */
export function quantisedAmong(precisions: readonly Precision[]): QuantisedDtype[] {
  return precisions.filter(
    (precision): precision is QuantisedDtype => precision !== 'keep' && isQuantisedDtype(precision),
  );
}

/** The steps of one precision. @param quantisation of those that take one */
export function precisionSteps(
  precision: Precision,
  quantisation: Quantisation | null = null,
): StepChoice[] {
  return dtypeSteps(precision === 'keep' ? null : precision, quantisation);
}

/**
 * Sees that a model can be written in a format and these precisions, before anything is run.
 * @param asked the format of --format; kit: --kit
 * @throws EspalierError `bad-input`
 */
export function requireFormat(
  { config, summary }: OpenedModel,
  removed: readonly Unit[],
  precisions: readonly Precision[],
  asked: ExportFormat | undefined,
  kit = false,
): void {
  const dtypes = precisions.flatMap((precision) => (precision === 'keep' ? [] : [precision]));
  const source = sourceFormat(summary);
  const format = asked ?? (dtypes.length === 0 ? (source ?? 'onnx') : 'onnx');
  const obstacle = formatObstacle(format, source, removed, dtypes);
  if (obstacle) throw new EspalierError('bad-input', obstacle.message, obstacle.hint);
  if (!kit) return;
  const without = 'Leave out --kit.';
  if (format !== 'safetensors')
    throw new EspalierError(
      'bad-input',
      `The kit trains a checkpoint in safetensors; this export is ${FORMAT_NAMES[format]}.`,
      without,
    );
  const why = kitObstacle({ config, summary, removed });
  if (why !== null) throw new EspalierError('bad-input', why, without);
}

/**
 * Sees that a graph can be written so.
 * @throws EspalierError `bad-input` for a precision that the graph has already, or cannot take
 */
export function requireSteps(
  { summary, tensorSource }: OpenedModel,
  steps: readonly StepChoice[],
): void {
  const why = stepsObstacle(graphDtype(summary), steps);
  if (why === null) return;
  throw new EspalierError(
    'bad-input',
    why,
    tensorSource
      ? 'Write it by prune or convert with this precision alone: keep leaves weights as they are.'
      : 'Leave this precision out of --dtype, or name the float32 graph with --model.',
  );
}

/**
 * The steps of one precision with nothing computed for it: few bits are rounded to the nearest.
 * @throws UsageError for several precisions; EspalierError as `requireSteps`
 */
export function roundedSteps(
  opened: OpenedModel,
  removed: readonly Unit[],
  text: string | undefined,
): StepChoice[] {
  const [precision = 'keep', another] = precisionsOf(text);
  if (another) throw new UsageError(`--dtype takes one precision here, not "${text}".`);
  const settings: QuantiseSettings = { ...QUANTISE_DEFAULTS, bits: precision === 'q8' ? 8 : 4 };
  const steps = precisionSteps(precision, {
    ...{ id: '', removed, healing: null, settings, forms: {}, computed: [] },
    record: { text: null, mixed: null, measured: [] },
  });
  requireSteps(opened, steps);
  return steps;
}
