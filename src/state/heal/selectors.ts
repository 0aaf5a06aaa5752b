// Healing as the page shows it: what Heal would ask for, why it may not, the curves, the result.

import type { HealEstimate, HealRequest, KeptHealing } from '../../contract/heal.ts';
import { HELD_OUT } from '../../contract/healDefaults.ts';
import type { Unit } from '../../units.ts';
import { HEALED, healedWords, OBSTACLES } from '../../words/healing.ts';
import { RESULT } from '../../words/result.ts';
import { engineObstacle } from '../jobs.ts';
import { healKey } from '../keys.ts';
import { derive } from '../memo.ts';
import type { OpenModel } from '../open/state.ts';
import type { StudioState } from '../state.ts';
import { defaultName } from '../variants/names.ts';
import { problemsOf, requestOf } from './form.ts';
import { type HealForm, healingOf, type RunningHeal, type TrainingCurve } from './state.ts';

/** What Heal would ask for now; null without a model. */
export const healRequest = derive(
  (state: StudioState) => [
    state.model.current,
    state.heal.form,
    state.plan.present.removed,
    state.score.settings.device,
    state.score.settings.budgetBytes,
  ],
  (model, form, removed, device, budgetBytes): HealRequest | null =>
    model && requestOf(form, removed, { device, budgetBytes }),
);

/** The refit of these units that the switch means; null without a model, or for a wrong form. */
export const refitOf = (state: StudioState, removed: readonly Unit[]): HealRequest | null =>
  refitFor(state.model.current, state.heal.form, removed, state.score.settings);

/** The same for the plan. */
export const refitRequest = derive(
  (state: StudioState) => [
    state.model.current,
    state.heal.form,
    state.plan.present.removed,
    state.score.settings,
  ],
  refitFor,
);

function refitFor(
  model: OpenModel | null,
  all: HealForm,
  removed: readonly Unit[],
  { device, budgetBytes }: Pick<HealRequest, 'device' | 'budgetBytes'>,
): HealRequest | null {
  const heldOut = all.data.heldOut || HELD_OUT.judgedRefit;
  const form: HealForm = {
    ...all,
    methods: ['refit'],
    data: { ...all.data, heldOut, foreign: null },
  };
  if (!model || problemsOf(form, model, removed).size > 0) return null;
  return requestOf(form, removed, { device, budgetBytes });
}

/** What is wrong with fields of the form, by their names: `train.rate`, `data.heldOut`. */
export const healProblems = derive(
  (state: StudioState) => [state.heal.form, state.model.current, state.plan.present.removed],
  (form, model, removed): ReadonlyMap<string, string> => problemsOf(form, model, removed),
);

/** Why this model cannot be healed at all, whatever the plan; null when it may be tried. */
export function modelObstacle(state: StudioState): string | null {
  const { current } = state.model;
  if (!current) return OBSTACLES.noModel;
  if (!current.summary.canScore) return RESULT.noPerplexity;
  return current.hasTokenizer ? null : OBSTACLES.noTokenizer;
}

/** Why nothing can be healed now, or null. */
export function healObstacle(state: StudioState): string | null {
  const never = modelObstacle(state);
  if (never !== null) return never;
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  if (state.plan.present.removed.length === 0) return OBSTACLES.noPlan;
  if (state.heal.form.methods.length === 0) return OBSTACLES.noMethod;
  for (const field of ['healing', 'foreign'] as const)
    if (state.drafts[field].open && state.drafts[field].text.trim() === '')
      return OBSTACLES.textMissing;
  const [problem] = healProblems(state).values();
  return problem ?? null;
}

/** What the form would take; `stale` while it is of another form. */
export const healEstimate = derive(
  (state: StudioState) => [healRequest(state), state.heal.estimate, state.heal.estimating],
  (
    request,
    estimate,
    estimating,
  ): {
    value: HealEstimate | null;
    error: string | null;
    /** It is being measured. */
    running: boolean;
    stale: boolean;
  } => {
    const key = request && healKey(request);
    return {
      value: estimate?.value ?? null,
      error: estimate?.error ? `${estimate.error.message} ${estimate.error.hint}`.trim() : null,
      running: estimating !== null,
      stale: estimate !== null && estimate.key !== key,
    };
  },
);

/** The healing that the plan has now; null for a plan with the weights of the source. */
export const activeHealing = derive(
  (state: StudioState) => [state.heal.shelf, state.plan.present],
  (shelf, { healing, removed }): KeptHealing | null => {
    const found = healingOf({ shelf }, healing);
    return found?.removed.join() === removed.join() ? found : null;
  },
);

const NONE: readonly KeptHealing[] = [];

/** The kept healings of the plan, newest first. */
export const planHealings = derive(
  (state: StudioState) => [state.heal.shelf, state.plan.present.removed],
  (shelf, removed): readonly KeptHealing[] =>
    shelf?.healings.filter((one) => one.removed.join() === removed.join()) ?? NONE,
);

/** "−4: 2, 7, 8, 9, refitted". */
export const nameOfHealing = ({ removed, methods }: Pick<KeptHealing, 'removed' | 'methods'>) =>
  `${defaultName(removed)}, ${healedWords(methods)}`;

/** How the weights of a result were healed: "refitted"; '' for weights of the source. */
export function healingWords({ heal }: Pick<StudioState, 'heal'>, id: string | undefined): string {
  if (id === undefined) return '';
  const healing = healingOf(heal, id);
  return healing ? healedWords(healing.methods) : HEALED;
}

/** The healing that is shown as the result: the one that was, else that of the plan. */
export const shownHealing = derive(
  (state: StudioState) => [state.heal.shelf, state.heal.shown, activeHealing(state)],
  (shelf, shown, active): KeptHealing | null => healingOf({ shelf }, shown) ?? active,
);

/** The curves that are shown: of the training that runs, else of the shown healing. */
export const trainingCurve = derive(
  (state: StudioState) => [state.heal.running, shownHealing(state)],
  (
    running,
    shown,
  ): (TrainingCurve & { running: RunningHeal | null; kept: number | null }) | null => {
    if (running) return { ...running, running, kept: null };
    const step = shown?.record.steps.findLast(({ losses }) => losses.length > 0);
    if (!step) return null;
    const losses = step.losses.map((loss, at) => ({ step: at + 1, loss }));
    const { heldOut, kept } = step;
    return { losses, heldOut, steps: losses.length, running: null, kept };
  },
);
