// The size of the export that the page would write: of the plan, in the chosen precision.

import { type PlanSize, planSize } from '../../model/open/size.ts';
import { activeHealing } from '../heal/selectors.ts';
import { effectKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import type { ExportForm } from './state.ts';

/** Precisions whose matrices are floats already: changed ones are written as they are. */
const FLOATS: readonly string[] = ['fp32', 'fp16', 'bf16'];

/** True where healed matrices have to be quantised again, or be kept as floats. */
export const isQuantised = (state: StudioState): boolean => {
  const dtype = modelOf(state)?.summary.dtype;
  return dtype !== undefined && !FLOATS.includes(dtype);
};

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

/** What the export of the plan is written as. */
export const exportForm = derive(
  (state: StudioState) => [
    state.export.dtype,
    state.export.quantised === 'float' && isQuantised(state) ? state.plan.present.healing : null,
  ],
  (dtype, floats): ExportForm => ({ dtype, floats: floats ?? null }),
);

/** True for the form in which sizes follow from the structure alone. */
export const isPlain = ({ dtype, floats }: ExportForm): boolean =>
  dtype === null && floats === null;

export const isSameForm = (a: ExportForm, b: ExportForm): boolean =>
  a.dtype === b.dtype && a.floats === b.floats;

/** Null without a model, and while the size of the chosen form is not known yet. */
export const exportSize = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    exportForm(state),
    state.export.sizes,
  ],
  (model, removed, form, sizes): PlanSize | null => {
    if (!model) return null;
    if (isPlain(form)) return planSize(model.summary, removed);
    return sizes && isSameForm(sizes, form)
      ? planSize(model.summary, removed, sizes.written)
      : null;
  },
);
