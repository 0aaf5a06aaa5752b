// The size of the export that the page would write: of the plan, in the chosen precision.

import { type ExportFormat, formatObstacle } from '../../model/export/formats.ts';
import {
  dtypeSteps,
  type ExportDtype,
  isQuantisedDtype,
  stepsObstacle,
} from '../../model/export/steps.ts';
import {
  dtypeBefore,
  graphDtype,
  needsFloats,
  sourceFormat,
  type TensorFormat,
} from '../../model/open/made.ts';
import { type PlanSize, planSize } from '../../model/open/size.ts';
import { storedObstacle } from '../../model/quantise/dtypes.ts';
import type { QuantisedDtype } from '../../model/quantise/quantisation.ts';
import type { Unit } from '../../units.ts';
import { OBSTACLES } from '../../words/quantising.ts';
import { activeHealing } from '../heal/selectors.ts';
import { effectKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { OpenModel } from '../open/state.ts';
import type { Plan } from '../plan/plan.ts';
import { alikeOf, type Written, writtenIn } from '../quantise/written.ts';
import type { StudioState } from '../state.ts';
import type { ExportForm } from './state.ts';

/** Precisions whose matrices are floats already: changed ones are written as they are. */
const FLOATS: readonly string[] = ['fp32', 'fp16', 'bf16'];

/** True where healed matrices have to be quantised again, or be kept as floats. */
export const isQuantised = (state: StudioState): boolean => {
  const summary = modelOf(state)?.summary;
  return summary !== undefined && !FLOATS.includes(graphDtype(summary));
};

/** The format of the tensor files of the open model; null where it has a graph. */
export const formatOfSource = (state: StudioState): TensorFormat | null => {
  const summary = modelOf(state)?.summary;
  return summary ? sourceFormat(summary) : null;
};

/** Why the plan cannot be written in the format of its tensor files; null where it can. */
export function sourceFormatObstacle(state: StudioState): string | null {
  const format = formatOfSource(state);
  if (format === null) return null;
  return formatObstacle(format, format, state.plan.present.removed, [])?.message ?? null;
}

/** The format that the export writes. */
export function exportFormat(state: StudioState): ExportFormat {
  const { format, dtype } = state.export;
  const isOnnx = format === 'onnx' || dtype !== null || sourceFormatObstacle(state) !== null;
  return isOnnx ? 'onnx' : (formatOfSource(state) ?? 'onnx');
}

/** True where tensor files are written as ONNX. */
export const isConverted = (state: StudioState): boolean =>
  formatOfSource(state) !== null && exportFormat(state) === 'onnx';

/** True where the dialog speaks of an adapter for PEFT: the plan is healed by LoRA. */
export const offersAdapter = (state: StudioState): boolean =>
  activeHealing(state)?.methods.includes('lora') ?? false;

/** What both forms of the plan's healing would be measured on; null where there is one form. */
export function formsKey(state: StudioState): string | null {
  const key = effectKey(state);
  return key !== null && isQuantised(state) && activeHealing(state) ? key : null;
}

export interface FormsView {
  again: FormView | null;
  float: FormView | null;
  /** Nats per token that rounding again adds; null while that is not measured. */
  lost: number | null;
}

interface FormView {
  nll: number;
  /** Graph and weights. */
  bytes: number;
}

/** Both forms of the healing that the export writes, as far as they were measured. */
export const formsView = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    formsKey(state),
    state.export.forms.known,
  ],
  (model, removed, key, known): FormsView => {
    if (!model || !known || known.key !== key) return { again: null, float: null, lost: null };
    const { again, float } = known.value;
    const { summary } = model;
    return {
      again: { nll: again.nll, bytes: planSize(summary, removed).bytes },
      float: { nll: float.nll, bytes: planSize(summary, removed, known.written).bytes },
      lost: again.nll - float.nll,
    };
  },
);

const floatsOf = (state: StudioState): string | null =>
  (exportFormat(state) === 'onnx' &&
    state.export.quantised === 'float' &&
    isQuantised(state) &&
    state.plan.present.healing) ||
  null;

function formFor(
  dtype: ExportDtype | null,
  floats: string | null,
  quantise: StudioState['quantise'],
  plan: Plan,
  converted: boolean,
): ExportForm {
  const written = isQuantisedDtype(dtype) ? writtenIn({ quantise }, dtype, plan) : null;
  const isMade = dtype === null && converted;
  return {
    dtype,
    converted: isMade,
    floats,
    quantised: written && (alikeOf(written)?.key ?? null),
  };
}

/** What the export of the plan is written as. */
export const exportForm = derive(
  (state: StudioState) => [
    state.export.dtype,
    floatsOf(state),
    state.quantise,
    state.plan.present,
    isConverted(state),
  ],
  formFor,
);

/** The same of another precision. */
export const formIn = (state: StudioState, dtype: ExportDtype | null): ExportForm =>
  formFor(dtype, floatsOf(state), state.quantise, state.plan.present, isConverted(state));

const NONE: StudioState['export']['also'] = [];

/** The further precisions that the export writes: those that it can. */
export const alsoWritten = derive(
  (state: StudioState) => [
    exportFormat(state) === 'onnx' ? state.export.also : NONE,
    state.export.dtype,
    state.model.current,
    state.quantise,
    state.plan.present,
  ],
  (also, main, model, quantise, plan): readonly (ExportDtype | null)[] =>
    also.filter(
      (dtype) =>
        dtype !== main &&
        obstacleOf(model, quantise, plan, dtype) === null &&
        (!model || isBeside(model.summary, main, dtype)),
    ),
);

/** Whether one folder can have both precisions: made from weights as stored, or from floats. */
export const isBeside = (
  summary: OpenModel['summary'],
  one: ExportDtype | null,
  other: ExportDtype | null,
): boolean => needsFloats(summary, [one]) === needsFloats(summary, [other]);

/** How the plan is written in a precision of few bits: see `writtenIn`. */
export const writtenAs = (state: StudioState, dtype: QuantisedDtype): Written =>
  writtenIn(state, dtype, state.plan.present);

/** Why the plan cannot be written in a precision, as a sentence; null where it can. */
export const dtypeObstacle = (state: StudioState, dtype: ExportDtype | null): string | null =>
  obstacleOf(state.model.current, state.quantise, state.plan.present, dtype);

/** The same of what stands against it whatever is quantised: by the weights and the healing. */
export const precisionObstacle = (
  { model, plan }: Pick<StudioState, 'model' | 'plan'>,
  dtype: ExportDtype,
): string | null => model.current && weightsObstacle(model.current.summary, plan.present, dtype);

function weightsObstacle(
  summary: OpenModel['summary'],
  { healing }: Plan,
  dtype: ExportDtype,
): string | null {
  const stored = dtypeBefore(summary, dtype);
  if (healing !== undefined && needsFloats(summary, [dtype])) return OBSTACLES.healedStored;
  return isQuantisedDtype(dtype)
    ? storedObstacle(stored, dtype)
    : stepsObstacle(stored, dtypeSteps(dtype));
}

function obstacleOf(
  model: OpenModel | null,
  quantise: StudioState['quantise'],
  plan: Plan,
  dtype: ExportDtype | null,
): string | null {
  if (!model || dtype === null) return null;
  const why = weightsObstacle(model.summary, plan, dtype);
  if (why !== null || !isQuantisedDtype(dtype)) return why;
  const written = writtenIn({ quantise }, dtype, plan);
  return written.by === 'nothing' ? written.why : null;
}

/** True for the form in which sizes follow from the structure alone. */
export const isPlain = ({ dtype, converted, floats }: ExportForm): boolean =>
  dtype === null && !converted && floats === null;

export const isSameForm = (a: ExportForm, b: ExportForm): boolean =>
  a.dtype === b.dtype &&
  a.converted === b.converted &&
  a.floats === b.floats &&
  a.quantised === b.quantised;

function sizeOf(
  model: OpenModel | null,
  removed: readonly Unit[],
  form: ExportForm,
  sizes: StudioState['export']['sizes'],
): PlanSize | null {
  if (!model) return null;
  if (isPlain(form)) return planSize(model.summary, removed);
  const known = sizes.find((one) => isSameForm(one, form));
  return known ? planSize(model.summary, removed, known.written) : null;
}

/** Null without a model, and while the size of the chosen form is not known yet. */
export const exportSize = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    exportForm(state),
    state.export.sizes,
  ],
  sizeOf,
);

/** The same of other plans and precisions. */
export const sizeIn = (
  state: StudioState,
  dtype: ExportDtype | null,
  removed: readonly Unit[] = state.plan.present.removed,
): PlanSize | null => sizeOf(modelOf(state), removed, formIn(state, dtype), state.export.sizes);

/** Bytes of all further precisions; null while one of them is not known. */
export const bytesAlso = derive(
  (state: StudioState) => [
    alsoWritten(state)
      .map((dtype) => sizeIn(state, dtype)?.bytes ?? Number.NaN)
      .join(),
  ],
  (all: string): number | null => {
    const bytes = all === '' ? 0 : all.split(',').reduce((sum, one) => sum + Number(one), 0);
    return Number.isNaN(bytes) ? null : bytes;
  },
);
