// Times two runs once a model is open and nothing else is to be done, so that the page can say how
// long scoring takes. Never delays anything: what starts meanwhile ends it.

import type { RunTimesRequest } from '../../contract/runTimes.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { waitsForEffect } from '../effect/waiting.ts';
import { engineJob } from '../jobs.ts';
import type { ScoreActions } from '../score/actions.ts';
import { canScore } from '../score/selectors.ts';
import { meterUse } from '../speed/metering.ts';
import type { StudioState } from '../state.ts';
import { QUICK, USUAL, windowsIn } from './selectors.ts';

/** What is to be timed now; null when nothing is. */
function wanted(state: StudioState): RunTimesRequest | null {
  const { score, estimate, model } = state;
  const { settings, memory, curve } = score;
  const isBusy =
    engineJob(state) !== null ||
    model.opening !== null ||
    meterUse(state) !== null ||
    state.generate.running ||
    waitsForEffect(state);
  // A curve of this session says more than single runs.
  if (isBusy || !canScore(state) || (curve && !curve.restored)) return null;
  // Nor is anything timed where scoring has no room.
  if (!memory || memory.obstacle) return null;
  const known = estimate.times.get(settings.device);
  if (known === null) return null;
  const asked = windowsIn(settings);
  const sizes = [
    { windows: asked.windows, length: asked.length },
    { windows: QUICK.samples, length: QUICK.length },
    { windows: USUAL.samples, length: USUAL.length },
  ].filter(
    ({ length }, at, all) =>
      length <= (model.current?.summary.contextLength ?? length) &&
      all.findIndex((size) => size.length === length) === at &&
      !known?.runs.some((run) => run.length === length),
  );
  const { device, budgetBytes } = settings;
  return sizes.length > 0 ? { device, budgetBytes, sizes } : null;
}

export interface EstimateActions {
  /** Scores on so many windows of so many tokens, which become those of the settings. */
  scoreOn(size: typeof QUICK | typeof USUAL): Promise<void>;
}

export function makeEstimateActions(
  context: Context,
  others: Pick<ScoreActions, 'setSettings' | 'score'>,
): EstimateActions {
  const { api, get, patch, store } = context;
  const requests = context.newest();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function time(): Promise<void> {
    const request = wanted(get());
    if (!request || get().estimate.timing) return;
    const isNewest = requests.begin();
    const keep = (found: Awaited<ReturnType<typeof api.timeRuns>> | null) => {
      const before = get().estimate.times.get(request.device);
      const all = found && before ? { ...found, runs: [...before.runs, ...found.runs] } : found;
      const times = new Map(get().estimate.times).set(request.device, all);
      patch('estimate', { times, timing: false });
    };
    patch('estimate', { timing: true });
    try {
      const found = await api.timeRuns(request);
      if (isNewest()) keep(found);
    } catch (error) {
      if (!isNewest()) return;
      // What was ended by something else is tried again after it; what cannot be timed is not.
      if (isCancelled(error)) patch('estimate', { timing: false });
      else keep(null);
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.effect.progress !== before.effect.progress) return;
    clearTimeout(timer);
    if (!state.estimate.timing && wanted(state))
      timer = setTimeout(() => void time(), context.planDelayMs);
  });
  context.onDispose(() => {
    clearTimeout(timer);
    unsubscribe();
  });
  return {
    async scoreOn(size) {
      if (engineJob(get()) || !canScore(get())) return;
      others.setSettings({ ...size });
      await others.score();
    },
  };
}
