// What gradients of the open model would take, asked for when someone looks at the criteria, and
// why they cannot be taken where they cannot.

import type { ScoreSettings } from '../../contract/score.ts';
import { type ErrorCode, toReport } from '../../errors.ts';
import type { Context } from '../context.ts';
import { waitsForEffect } from '../effect/waiting.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings, settingsKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { canScore } from '../score/selectors.ts';
import type { StudioState } from '../state.ts';
import { SOURCES } from './sources.ts';
import type { Gradients } from './state.ts';

/** What keeps gradients from being taken on any try. */
const OBSTACLES: readonly ErrorCode[] = ['unsupported-op', 'unsupported-graph', 'too-large'];

interface Asked {
  key: string;
  settings: ScoreSettings;
}

const asked = derive(
  (state: StudioState) => [state.score.curve, state.score.settings],
  (curve, settings): Asked => {
    const own = curveSettings({ score: { curve, settings } });
    return { key: `${settingsKey(own)}|${own.budgetBytes ?? ''}`, settings: own };
  },
);

/** The answer for the windows of the curve, or of the settings; null while it is not known. */
export function gradientsOf(state: StudioState): Gradients | null {
  const { gradients } = state.criteria;
  return gradients?.key === asked(state).key ? gradients : null;
}

/** Why the model has no gradients; null while nothing is known that speaks against them. */
export const gradientObstacle = (state: StudioState): string | null =>
  gradientsOf(state)?.obstacle ?? null;

/** True while someone looks at what needs the answer, and the engine is free to give it. */
const isWanted = (state: StudioState): boolean =>
  state.view.workspace === 'compare' &&
  state.model.opening === null &&
  canScore(state) &&
  SOURCES.taylor.data(state) === null &&
  engineJob(state) === null &&
  !state.estimate.timing &&
  !waitsForEffect(state) &&
  gradientsOf(state) === null;

/** Asks when the answer is wanted. @returns asks now, and tells whether gradients can be taken */
export function makeGradients(context: Context): () => Promise<boolean> {
  const { api, get, patch, store } = context;
  const requests = context.newest();
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Key of the last question: what fails is not asked again by itself. */
  let tried: string | null = null;

  async function ask(): Promise<boolean> {
    const known = gradientsOf(get());
    if (known) return known.obstacle === null;
    const { key, settings } = asked(get());
    const isNewest = requests.begin();
    tried = key;
    const take = (gradients: Gradients): boolean => {
      if (isNewest()) patch('criteria', { gradients });
      return gradients.obstacle === null;
    };
    try {
      const memory = await api.gradientMemory(settings);
      return take({ key, memory, obstacle: memory.obstacle ?? null });
    } catch (error) {
      const { code, message, hint } = toReport(error);
      // Whatever else fails here shows in the job, with its remedy.
      if (!OBSTACLES.includes(code)) return true;
      return take({ key, memory: null, obstacle: `${message} ${hint}`.trim() });
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) tried = null;
    if (state.view.hover !== before.view.hover) return;
    clearTimeout(timer);
    if (isWanted(state) && tried !== asked(state).key)
      timer = setTimeout(() => {
        if (isWanted(get())) void ask();
      }, context.planDelayMs);
  });
  context.onDispose(() => {
    clearTimeout(timer);
    unsubscribe();
  });
  return ask;
}
