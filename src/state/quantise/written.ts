// How a plan is written in a precision of few bits: by a quantisation that was made of it, by the
// settings alone, or not yet.

import type { KeptQuantisation } from '../../contract/quantise.ts';
import { idInPrecision } from '../../model/quantise/id.ts';
import type {
  MatrixForm,
  QuantisedDtype,
  QuantiseSettings,
} from '../../model/quantise/quantisation.ts';
import { OBSTACLES } from '../../words/quantising.ts';
import type { Plan } from '../plan/plan.ts';
import type { StudioState } from '../state.ts';
import { isMixed, settingsFor } from './form.ts';
import { isOfPlan } from './selectors.ts';

type PlanUnits = Pick<Plan, 'removed' | 'healing'>;

/** What RTN and HQQ need: no text decides their bytes. */
export interface BySettings {
  by: 'settings';
  /** Equal keys, equal bytes. */
  key: string;
  settings: QuantiseSettings;
  forms: Readonly<Record<string, MatrixForm>>;
}

export interface ByResult {
  by: 'result';
  /** Id of the quantisation in this precision: `StudioApi.quantisation`. */
  key: string;
  /** It may have been measured in another precision of as many bits. */
  result: KeptQuantisation;
}

export type Written =
  | ByResult
  | BySettings
  | {
      by: 'nothing';
      /** What has to be done first, as a sentence. */
      why: string;
      /** Settings that write as many bytes and run as fast; null where none do. */
      alike: BySettings | null;
    };

const SETTINGS = 'settings';

/** Whether a key is that of a quantisation that was made and measured. */
export const isResultKey = (key: string): boolean => !key.startsWith(SETTINGS);

function bySettings(
  dtype: QuantisedDtype,
  settings: QuantiseSettings,
  forms: BySettings['forms'],
): BySettings {
  const sorted = Object.entries(forms).sort(([a], [b]) => (a < b ? -1 : 1));
  const { method, block, symmetric, floatZeros, embedding, head, accuracyLevel } = settings;
  const facts = [dtype, method, block, symmetric, floatZeros, embedding, head, accuracyLevel];
  const key = `${SETTINGS} ${JSON.stringify([facts, sorted])}`;
  return { by: 'settings', key, settings, forms };
}

/**
 * The quantisation of a plan that counts in a precision is the one in use, else the newest; where
 * none was made in it, one of as many bits in another precision.
 */
export function writtenIn(
  { quantise }: Pick<StudioState, 'quantise'>,
  dtype: QuantisedDtype,
  plan: PlanUnits,
): Written {
  const { shelf, used, form } = quantise;
  const settings = settingsFor(dtype, form.settings);
  const own = (shelf?.quantisations ?? []).filter(
    (one) => isOfPlan(one, plan) && one.quantisation.settings.bits === settings.bits,
  );
  const inDtype = own.filter((one) => one.dtype === dtype);
  const among = inDtype.length > 0 ? inDtype : own;
  const result = among.find(({ id }) => id === used) ?? among[0];
  if (result) return { by: 'result', key: idInPrecision(dtype, result.quantisation), result };
  if (isMixed(form, dtype)) return { by: 'nothing', why: OBSTACLES.mixedFirst, alike: null };
  if (settings.method !== 'gptq') return bySettings(dtype, settings, form.forms);
  const alike = bySettings(dtype, settingsFor(dtype, { ...settings, method: 'rtn' }), form.forms);
  return { by: 'nothing', why: OBSTACLES.gptqFirst, alike };
}

/** By what its size and speed are known: the same, or settings that are as large. */
export const alikeOf = (written: Written): ByResult | BySettings | null =>
  written.by === 'nothing' ? written.alike : written;
