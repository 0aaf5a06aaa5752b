// The live effect: asks for the perplexity of the plan shortly after it changed. Must never show a
// number of another plan as this one's.

import { hasNumbers, pplWords } from '../../analysis/perplexity.ts';
import type { Progress } from '../../contract/progress.ts';
import { isCancelled } from '../../errors.ts';
import { HEALED } from '../../words/healing.ts';
import { QUANTISED } from '../../words/quantising.ts';
import type { Context } from '../context.ts';
import { effectIsLong } from '../estimate/selectors.ts';
import { engineJob } from '../jobs.ts';
import { prunedKey } from '../keys.ts';
import { countUnits } from '../plan/unitWords.ts';
import { noNumbers } from '../score/selectors.ts';
import type { StudioState } from '../state.ts';
import { type EffectStep, effectSteps, missingStep } from './steps.ts';

export interface EffectActions {
  /** Asks again, as after an error, and for what takes too long to start by itself. */
  measureAgain(): void;
}

/** True when the plan, how it is written, the curve or the model became another one. */
function isAnotherPlan(state: StudioState, before: StudioState): boolean {
  if (state.model.current !== before.model.current) return true;
  const [now, then] = [effectSteps(state), effectSteps(before)];
  return now !== then && now.map(({ key }) => key).join() !== then.map(({ key }) => key).join();
}

export function makeEffectActions(context: Context): EffectActions {
  const { api, get, patch, store } = context;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const requests = context.newest();

  async function measure(
    { key, healing, quantised }: EffectStep,
    always: boolean,
    isNewest: () => boolean,
  ): Promise<void> {
    if (get().effect.asked !== key || engineJob(get())) return;
    const removed = [...get().plan.present.removed];
    const isPruned = healing === undefined && quantised === undefined;
    const onProgress = (progress: Progress): void => {
      // It comes by another channel than the result, which may overtake it.
      if (isNewest() && get().effect.asked === key && !get().effect.known.has(key))
        patch('effect', { progress });
    };
    try {
      const result = await (isPruned
        ? api.plan(removed, onProgress)
        : api.plan(removed, onProgress, healing, quantised));
      if (key.split('|')[0] !== String(get().score.curve?.id)) return;
      const known = new Map(get().effect.known).set(key, result);
      patch('effect', { known });
      if (!isNewest()) return;
      patch('effect', isPruned ? { shown: { key, result }, progress: null } : { progress: null });
      context.clear('plan');
      const isNone = noNumbers(get()) !== null && !hasNumbers(result);
      const ppl = isNone ? 'no number' : pplWords(result.ppl);
      const how = [healing !== undefined && HEALED, quantised !== undefined && QUANTISED];
      const words = [`without ${countUnits(removed)}`, ...how.filter((word) => word !== false)];
      context.announce(`Perplexity ${words.join(', ')}: ${ppl}.`);
      // The plan as it was before comes first: what is done to it is held against that.
      ask(always);
    } catch (error) {
      if (!isNewest()) return;
      patch('effect', { asked: null, progress: null });
      if (!isCancelled(error)) context.fail('plan', error);
    }
  }

  /** @param always also where it takes so long that it does not start by itself */
  function ask(always = false): void {
    clearTimeout(timer);
    const isNewest = requests.begin();
    const pruned = prunedKey(get());
    const last = effectSteps(get()).at(-1);
    if (last === undefined) {
      patch('effect', { asked: null, shown: null, progress: null });
      return;
    }
    const result = pruned === null ? undefined : get().effect.known.get(pruned);
    const missing = missingStep(get());
    if (missing && !always && effectIsLong(get())) {
      patch('effect', { asked: null, progress: null });
      return;
    }
    patch('effect', {
      asked: (missing ?? last).key,
      progress: null,
      ...(result && pruned !== null && { shown: { key: pruned, result } }),
      ...(pruned === null && { shown: null }),
    });
    if (missing)
      timer = setTimeout(() => void measure(missing, always, isNewest), context.planDelayMs);
  }

  const unsubscribe = store.subscribe((state, before) => {
    // The end of a job frees the engine: what waited for it, or was cut off by it, is asked again.
    const jobEnded = engineJob(before) !== null && engineJob(state) === null;
    if (jobEnded || isAnotherPlan(state, before)) ask();
  });
  context.onDispose(() => {
    clearTimeout(timer);
    unsubscribe();
  });

  return { measureAgain: () => ask(true) };
}
