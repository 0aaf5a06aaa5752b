// The live effect: asks for the perplexity of the plan shortly after it changed. Must never show a
// number of another plan as this one's.

import { hasNumbers, pplWords } from '../../analysis/perplexity.ts';
import type { Progress } from '../../contract/progress.ts';
import { isCancelled } from '../../errors.ts';
import { HEALED } from '../../words/healing.ts';
import type { Context } from '../context.ts';
import { effectIsLong } from '../estimate/selectors.ts';
import { engineJob } from '../jobs.ts';
import { effectKey, prunedKey } from '../keys.ts';
import { countUnits } from '../plan/unitWords.ts';
import { noNumbers } from '../score/selectors.ts';
import type { StudioState } from '../state.ts';

export interface EffectActions {
  /** Asks again, as after an error, and for what takes too long to start by itself. */
  measureAgain(): void;
}

/** True when the plan, the curve or the model became another one. */
function isAnotherPlan(state: StudioState, before: StudioState): boolean {
  if (state.model.current !== before.model.current) return true;
  const changed =
    state.plan.present !== before.plan.present || state.score.curve !== before.score.curve;
  return changed && effectKey(state) !== effectKey(before);
}

export function makeEffectActions(context: Context): EffectActions {
  const { api, get, patch, store } = context;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const requests = context.newest();

  async function measure(key: string, always: boolean, isNewest: () => boolean): Promise<void> {
    if (get().effect.asked !== key || engineJob(get())) return;
    const { removed: units, healing } = get().plan.present;
    const removed = [...units];
    const own = key === prunedKey(get()) ? undefined : healing;
    const onProgress = (progress: Progress): void => {
      // It comes by another channel than the result, which may overtake it.
      if (isNewest() && get().effect.asked === key && !get().effect.known.has(key))
        patch('effect', { progress });
    };
    try {
      const result = await (own === undefined
        ? api.plan(removed, onProgress)
        : api.plan(removed, onProgress, own));
      if (key.split('|')[0] !== String(get().score.curve?.id)) return;
      const known = new Map(get().effect.known).set(key, result);
      patch('effect', { known });
      if (!isNewest()) return;
      patch(
        'effect',
        own === undefined ? { shown: { key, result }, progress: null } : { progress: null },
      );
      context.clear('plan');
      const isNone = noNumbers(get()) !== null && !hasNumbers(result);
      const ppl = isNone ? 'no number' : pplWords(result.ppl);
      const healed = own === undefined ? '' : `, ${HEALED}`;
      context.announce(`Perplexity without ${countUnits(removed)}${healed}: ${ppl}.`);
      // The plan without its healing comes first: what heals is held against it.
      if (key !== effectKey(get())) ask(always);
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
    const own = effectKey(get());
    if (pruned === null || own === null) {
      patch('effect', { asked: null, shown: null, progress: null });
      return;
    }
    const result = get().effect.known.get(pruned);
    const key = result ? own : pruned;
    const known = get().effect.known.get(key);
    if (!known && !always && effectIsLong(get())) {
      patch('effect', { asked: null, progress: null });
      return;
    }
    patch('effect', {
      asked: key,
      progress: null,
      ...(result && { shown: { key: pruned, result } }),
    });
    if (!known) timer = setTimeout(() => void measure(key, always, isNewest), context.planDelayMs);
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
