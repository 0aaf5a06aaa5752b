// The live effect: asks for the perplexity of the plan shortly after it changed. Must never show a
// number of another plan as this one's.

import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { effectKey } from '../keys.ts';
import { countUnits } from './unitWords.ts';

export interface EffectActions {
  /** Call after the plan or the curve changed. */
  planChanged(): void;
  /** Asks again, as after an error. */
  measureAgain(): void;
  dispose(): void;
}

export function makeEffectActions(context: Context): EffectActions {
  const { api, get, patch } = context;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts up with every wish: only the newest call may change what is shown. */
  let turn = 0;

  async function measure(key: string): Promise<void> {
    if (get().effect.asked !== key || engineJob(get())) return;
    const mine = turn;
    const removed = [...get().plan.present.removed];
    try {
      const result = await api.plan(removed, (progress) => {
        // It comes by another channel than the result, which may overtake it.
        if (mine === turn && get().effect.asked === key && !get().effect.known.has(key))
          patch('effect', { progress });
      });
      if (key.split('|')[0] !== String(get().score.curve?.id)) return;
      const known = new Map(get().effect.known).set(key, result);
      patch('effect', { known });
      if (mine !== turn) return;
      patch('effect', { shown: { key, result }, progress: null });
      context.clear('plan');
      context.announce(
        `Perplexity without ${countUnits(removed)}: ` +
          `${result.ppl?.toPrecision(4) ?? 'beyond all bounds'}.`,
      );
    } catch (error) {
      if (mine !== turn) return;
      patch('effect', { asked: null, progress: null });
      if (!isCancelled(error)) context.fail('plan', error);
    }
  }

  function ask(): void {
    clearTimeout(timer);
    turn++;
    const key = effectKey(get());
    if (key === null) {
      patch('effect', { asked: null, shown: null, progress: null });
      return;
    }
    const known = get().effect.known.get(key);
    patch(
      'effect',
      known
        ? { asked: key, shown: { key, result: known }, progress: null }
        : { asked: key, progress: null },
    );
    if (!known) timer = setTimeout(() => void measure(key), context.planDelayMs);
  }

  return { planChanged: ask, measureAgain: ask, dispose: () => clearTimeout(timer) };
}
