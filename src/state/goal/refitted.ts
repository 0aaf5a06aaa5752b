// A plan that a goal would have to turn down, refitted: its perplexity then may keep the bound.

import { riseOf } from '../../analysis/perplexity.ts';
import { cancelled, isCancelled, toReport } from '../../errors.ts';
import * as words from '../../words/goal.ts';
import type { Context } from '../context.ts';
import { BY_ITSELF_S } from '../estimate/selectors.ts';
import { knownRefit, refitPlan } from '../heal/refitPlan.ts';
import { refitOf } from '../heal/selectors.ts';
import { planKey } from '../keys.ts';
import type { Candidate } from './candidates.ts';
import type { Steps } from './steps.ts';

/**
 * The candidate with its refit, where that brings its perplexity down; as it is where the goal does
 * not ask for refits, where it keeps the bound already, where that would take longer than what
 * starts by itself, and where it cannot be refitted.
 * @throws EspalierError `cancelled` when something else needed the engine
 */
export async function refittedCandidate(
  context: Context,
  steps: Steps,
  one: Candidate,
  isWanted: () => boolean,
): Promise<Candidate> {
  const { api, get, patch } = context;
  const { refits, maxRise } = get().goal;
  const { curve } = get().score;
  const request = refitOf(get(), one.removed);
  const isKept = maxRise === null || one.rise === null || one.rise <= maxRise;
  if (!refits || isKept || !curve || !request) return one;
  const guard = () => {
    if (!isWanted()) throw cancelled();
  };
  const k = one.removed.length;
  steps.begin('choose', words.STEPS.refit(k));
  try {
    let id = knownRefit(get(), request);
    if (id === undefined) {
      const { seconds } = await api.estimateHealing(request);
      guard();
      if (seconds === null || seconds > BY_ITSELF_S) {
        steps.end(words.STEPS.notRefitted(seconds));
        return one;
      }
      id = await refitPlan(context, request, () => {});
      guard();
    }
    if (id === null) {
      steps.end(words.STEPS.refitRose);
      return one;
    }
    const key = planKey(curve.id, one.removed, id);
    const known = get().effect.known.get(key);
    const result = known ?? (await api.plan([...one.removed], () => {}, id));
    guard();
    if (!known) patch('effect', { known: new Map(get().effect.known).set(key, result) });
    const rise = riseOf(curve.result.baseline.nll, result.nll);
    steps.end(words.STEPS.refitted(rise));
    return rise < (one.rise ?? 0) ? { ...one, rise, healing: id } : one;
  } catch (error) {
    if (isCancelled(error)) throw error;
    guard();
    steps.end(toReport(error).message);
    return one;
  }
}
