// Quantising as the page shows it: what Quantise would ask for, why it may not, which quantisation
// counts for the plan.

import type {
  KeptQuantisation,
  QuantiseEstimate,
  QuantiseRequest,
} from '../../contract/quantise.ts';
import { dtypeBefore, needsFloats } from '../../model/open/made.ts';
import { storedObstacle } from '../../model/quantise/dtypes.ts';
import { fromPrecision } from '../../model/quantise/id.ts';
import type { Quantisation, QuantisedDtype } from '../../model/quantise/quantisation.ts';
import { OBSTACLES, QUANTISED, quantisedWords, WINDOWS } from '../../words/quantising.ts';
import { healingOf } from '../heal/state.ts';
import { engineObstacle } from '../jobs.ts';
import { quantiseKey } from '../keys.ts';
import { derive } from '../memo.ts';
import type { Plan } from '../plan/plan.ts';
import type { StudioState } from '../state.ts';
import { isBySettings, problemsOf, requestOf } from './form.ts';
import { type QuantiseSlice, quantisationOf } from './state.ts';

/** The windows of the curve: numbers of plans can then be held against each other. */
const measuredOn = (curve: StudioState['score']['curve']): Pick<QuantiseRequest, 'windows'> =>
  curve ? { windows: { name: WINDOWS, windows: curve.result.windows } } : {};

/** What Quantise would ask for now; null without a model. */
export const quantiseRequest = derive(
  (state: StudioState) => [
    state.model.current,
    state.quantise.form,
    state.plan.present,
    state.score.settings.device,
    state.score.settings.budgetBytes,
    state.score.curve,
  ],
  (model, form, plan, device, budgetBytes, curve): QuantiseRequest | null =>
    model && requestOf(form, plan, { device, budgetBytes, ...measuredOn(curve) }),
);

/** What is wrong with fields of the form, by their names: `mixed.bytes`, `data.samples`. */
export const quantiseProblems = derive(
  (state: StudioState) => [state.quantise.form, state.model.current],
  (form, model): ReadonlyMap<string, string> => problemsOf(form, model),
);

/** Why nothing can be quantised now, or null. */
export function quantiseObstacle(state: StudioState): string | null {
  const { current } = state.model;
  const request = quantiseRequest(state);
  if (!current || !request) return OBSTACLES.noModel;
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  const { summary } = current;
  const { dtype, healing } = request;
  const never = storedObstacle(dtypeBefore(summary, dtype), dtype);
  if (never !== null) return never;
  if (healing !== undefined && needsFloats(summary, [dtype])) return OBSTACLES.healedStored;
  if (!current.hasTokenizer && !isBySettings(request)) return OBSTACLES.noTokenizer;
  for (const field of ['quantising', 'quantisingHeldOut'] as const)
    if (state.drafts[field].open && state.drafts[field].text.trim() === '')
      return OBSTACLES.textMissing;
  const [problem] = quantiseProblems(state).values();
  if (problem !== undefined) return problem;
  // What the estimate of this very form has said.
  const { estimate } = state.quantise;
  return estimate?.error && estimate.key === quantiseKey(request) ? estimate.error.message : null;
}

/** What the form would take; `stale` while it is of another form. */
export const quantiseEstimate = derive(
  (state: StudioState) => [
    quantiseRequest(state),
    state.quantise.estimate,
    state.quantise.estimating,
  ],
  (
    request,
    estimate,
    estimating,
  ): {
    value: QuantiseEstimate | null;
    error: string | null;
    /** It is being made. */
    running: boolean;
    stale: boolean;
  } => ({
    value: estimate?.value ?? null,
    error: estimate?.error ? `${estimate.error.message} ${estimate.error.hint}`.trim() : null,
    running: estimating !== null,
    stale: estimate !== null && estimate.key !== (request && quantiseKey(request)),
  }),
);

const NONE: readonly KeptQuantisation[] = [];

/** True for a quantisation of these units and this healing. */
export const isOfPlan = (
  { quantisation }: KeptQuantisation,
  { removed, healing }: Pick<Plan, 'removed' | 'healing'>,
): boolean =>
  quantisation.removed.join() === removed.join() && quantisation.healing === (healing ?? null);

/** The kept quantisations of the plan with its healing, newest first. */
export const planQuantisations = derive(
  (state: StudioState) => [state.quantise.shelf, state.plan.present],
  (shelf, plan): readonly KeptQuantisation[] =>
    shelf?.quantisations.filter((one) => isOfPlan(one, plan)) ?? NONE,
);

/** True when the healing that was quantised is no longer kept: its bytes cannot be written. */
export const hasLostHealing = (
  { heal }: Pick<StudioState, 'heal'>,
  { quantisation: { healing } }: KeptQuantisation,
): boolean => healing !== null && heal.shelf !== null && healingOf(heal, healing) === null;

/** "4 bits (GPTQ)", as names and the dialog have it. */
export function wordsOf({
  dtype,
  quantisation,
}: {
  dtype: QuantisedDtype;
  quantisation: Pick<Quantisation, 'settings' | 'forms'>;
}): string {
  const { settings, forms } = quantisation;
  return quantisedWords({ dtype, settings, isMixed: Object.keys(forms).length > 0 });
}

/** How a result was quantised: "4 bits (GPTQ)"; '' for weights as they are. */
export function quantisingWords(
  { quantise }: { quantise: Pick<QuantiseSlice, 'shelf'> },
  id: string | undefined,
): string {
  if (id === undefined) return '';
  const written = fromPrecision(id);
  const found = quantise.shelf?.quantisations.find(
    ({ quantisation }) => quantisation.id === written?.id,
  );
  return written && found ? wordsOf({ ...found, dtype: written.dtype }) : QUANTISED;
}

/** The quantisation that is shown as the result: the one that was, else the newest of the plan. */
export const shownQuantisation = derive(
  (state: StudioState) => [
    state.quantise.shelf,
    state.quantise.shown,
    planQuantisations(state),
    state.quantise.used,
  ],
  (shelf, shown, [newest], used): KeptQuantisation | null =>
    quantisationOf({ shelf }, shown) ?? quantisationOf({ shelf }, used) ?? newest ?? null,
);
