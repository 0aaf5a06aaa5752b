// The steps after the removal that make the bytes of a plan: its healing, its precision.

import { EspalierError } from '../../errors.ts';
import {
  dtypeSteps,
  type ExportDtype,
  isQuantisedDtype,
  type StepChoice,
} from '../../model/export/steps.ts';
import { quantisationId } from '../../model/quantise/id.ts';
import type { Quantisation } from '../../model/quantise/quantisation.ts';
import type { Unit } from '../../units.ts';
import type { Context } from '../context.ts';
import type { ExportForm } from '../export/state.ts';
import { alikeOf, type BySettings, type Written, writtenIn } from '../quantise/written.ts';

/** A plan and the precision that it is written in. */
export interface PlanForm {
  removed: readonly Unit[];
  /** Id of its healing; absent: the weights of the source. */
  healing?: string | undefined;
  dtype: ExportDtype | null;
  /** What becomes of healed matrices of a graph of few bits. */
  healed?: 'again' | 'float' | undefined;
  /** Sizes and speeds: what is not quantised yet is written by settings that are as large. */
  alike?: boolean;
}

/**
 * Healings and quantisations are fetched with their weights: only what runs or writes them needs
 * those.
 * @throws EspalierError `bad-input` where the healing or the quantisation is gone, and where the
 *   plan has to be quantised first
 */
export async function stepsOf(
  { api, get }: Pick<Context, 'api' | 'get'>,
  form: PlanForm,
): Promise<StepChoice[]> {
  const { healing, dtype, healed = 'again', alike = false } = form;
  const written = isQuantisedDtype(dtype) ? writtenIn(get(), dtype, form) : null;
  const used = written && alike ? (alikeOf(written) ?? written) : written;
  const quantisation = used && (await quantisationOf(api, used, form));
  const steps = dtypeSteps(dtype, quantisation);
  if (healing === undefined) return steps;
  return [{ step: 'healing', healing: await api.healing(healing), quantised: healed }, ...steps];
}

/**
 * Steps that write as many bytes as the plan in this form. Which values its matrices have is
 * nothing to their size.
 */
export async function sizeSteps(
  { api, get }: Pick<Context, 'api' | 'get'>,
  { dtype, floats }: Pick<ExportForm, 'dtype' | 'floats'>,
): Promise<StepChoice[]> {
  const written = isQuantisedDtype(dtype) ? writtenIn(get(), dtype, get().plan.present) : null;
  const alike = written && alikeOf(written);
  const { settings, forms } = alike?.by === 'result' ? alike.result.quantisation : (alike ?? {});
  const quantisation =
    settings && forms
      ? await bySettings(
          {
            settings: { ...settings, method: settings.method === 'gptq' ? 'rtn' : settings.method },
            forms,
          },
          { removed: [], healing: floats },
        )
      : null;
  const steps = dtypeSteps(dtype, quantisation);
  if (floats === null) return steps;
  return [{ step: 'healing', healing: await api.healing(floats), quantised: 'float' }, ...steps];
}

async function quantisationOf(
  api: Context['api'],
  written: Written,
  plan: PlanForm,
): Promise<Quantisation> {
  if (written.by === 'result') return api.quantisation(written.key);
  const { removed, healing = null } = plan;
  if (written.by === 'settings') return bySettings(written, { removed, healing });
  throw new EspalierError('bad-input', written.why, 'Or choose RTN or HQQ, which need no text.');
}

/** Of a plan that no text was needed for, nor was anything measured. */
async function bySettings(
  { settings, forms }: Pick<BySettings, 'settings' | 'forms'>,
  { removed, healing }: Pick<Quantisation, 'removed' | 'healing'>,
): Promise<Quantisation> {
  const made = { removed, healing, settings, forms, computed: [] };
  const record = { text: null, mixed: null, measured: [] };
  return { id: await quantisationId(made), ...made, record };
}
