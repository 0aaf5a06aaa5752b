// The form of a quantisation: what it asks for, what is wrong with it.

import type { QuantiseData, QuantiseRequest } from '../../contract/quantise.ts';
import { QUANTISE_DATA } from '../../contract/quantiseDefaults.ts';
import { EXPORT_DTYPES } from '../../model/export/steps.ts';
import type {
  MixedChoice,
  QuantisedDtype,
  QuantiseSettings,
} from '../../model/quantise/quantisation.ts';
import type { Unit } from '../../units.ts';
import { PROBLEMS } from '../../words/quantising.ts';
import type { OpenModel } from '../open/state.ts';
import type { QuantiseForm } from './state.ts';

/** Longest window that is taken, of a model that names no limit. */
const LONGEST = 2048;
/** More windows than this say no more, and take as much longer. */
const MOST_SAMPLES = 4096;

/** What of the settings goes with the precision and the method. */
export function settingsFor(dtype: QuantisedDtype, settings: QuantiseSettings): QuantiseSettings {
  const method = dtype === 'q8' ? 'rtn' : settings.method;
  return {
    ...settings,
    method,
    bits: EXPORT_DTYPES[dtype].bits,
    symmetric: method === 'rtn' && settings.symmetric,
    // Of HQQ alone: as by default elsewhere, so that equal quantisations are one.
    floatZeros: method === 'hqq' ? settings.floatZeros : true,
  };
}

/** Windows are set for GPTQ alone: what else is measured takes those by default. */
const dataFor = ({ method }: QuantiseSettings, data: QuantiseData): QuantiseData =>
  method === 'gptq'
    ? data
    : { ...data, samples: QUANTISE_DATA.samples, length: QUANTISE_DATA.length };

/** Whether a text chooses matrices in more bits: of 4 bits alone, which are raised to 8. */
export const isMixed = ({ mixed }: QuantiseForm, dtype: QuantisedDtype): boolean =>
  mixed.kind !== 'off' && dtype !== 'q8';

/** What the form asks for of a plan. @param dtype by default that of the form */
export function requestOf(
  form: QuantiseForm,
  { removed, healing }: { removed: readonly Unit[]; healing?: string | undefined },
  where: Pick<QuantiseRequest, 'device' | 'budgetBytes' | 'windows'>,
  dtype: QuantisedDtype = form.dtype,
): QuantiseRequest {
  const { kind, bytes, nats } = form.mixed;
  const settings = settingsFor(dtype, form.settings);
  const choice: MixedChoice = kind === 'bytes' ? { kind, bytes } : { kind: 'loss', nats };
  return {
    removed: [...removed],
    ...(healing !== undefined && { healing }),
    dtype,
    settings,
    forms: form.forms,
    mixed: isMixed(form, dtype) ? choice : null,
    data: dataFor(settings, form.data),
    ...where,
  };
}

/** True where the settings alone make the bytes: no text decides them. */
export const isBySettings = ({ settings, mixed }: QuantiseRequest): boolean =>
  settings.method !== 'gptq' && mixed === null;

/** What is wrong with the fields that count, by name: `data.samples`, `mixed.bytes`. */
export function problemsOf(form: QuantiseForm, model: OpenModel | null): Map<string, string> {
  const problems = new Map<string, string>();
  const test = (name: string, isRight: boolean, words: string) => {
    if (!isRight) problems.set(name, words);
  };
  const within = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  const { mixed, data, dtype, settings } = form;
  const isSmall = dtype !== 'q8';
  if (isSmall && mixed.kind === 'bytes')
    test('mixed.bytes', within(mixed.bytes, 1, Number.MAX_SAFE_INTEGER), PROBLEMS.bytes);
  if (isSmall && mixed.kind === 'loss')
    test('mixed.nats', mixed.nats > 0 && Number.isFinite(mixed.nats), PROBLEMS.nats);
  if (!isSmall || settings.method !== 'gptq') return problems;
  const longest = Math.min(LONGEST, model?.summary.contextLength ?? LONGEST);
  test('data.samples', within(data.samples, 1, MOST_SAMPLES), PROBLEMS.samples(MOST_SAMPLES));
  test('data.length', within(data.length, 2, longest), PROBLEMS.length(longest));
  return problems;
}
