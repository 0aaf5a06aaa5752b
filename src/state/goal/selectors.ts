// The goal as the page shows it: why no plan can be looked for, and how long it will take.

import { type Cost, costs, OBSTACLES } from '../../words/goal.ts';
import { knownOrders } from '../criteria/orders.ts';
import { plansSeconds, scoreSeconds } from '../estimate/selectors.ts';
import type { Seconds } from '../estimate/times.ts';
import { derive } from '../memo.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { canScore, noNumbers } from '../score/selectors.ts';
import { measureObstacle } from '../speed/selectors.ts';
import { timeOf } from '../speed/time.ts';
import type { StudioState } from '../state.ts';
import { CHEAP_SECONDS, iterativeSeconds } from './iterative.ts';
import { isExact, SETTINGS, sizeOf } from './target.ts';

/** Why no plan can be looked for now, or null. */
export function goalObstacle(state: StudioState): string | null {
  const { model, goal } = state;
  if (!model.current) return OBSTACLES.noModel;
  const { kind, value, maxRise } = goal;
  const none = noNumbers(state);
  if (none !== null) return none;
  if (value === null) return OBSTACLES.noValue;
  if (kind === 'smaller' && value >= 100) return OBSTACLES.tooSmall(value);
  if (isExact(kind) && sizeOf(state, []) === null) return OBSTACLES.noSize;
  if (maxRise !== null && !state.score.curve && !canScore(state))
    return model.current.summary.canScore ? OBSTACLES.noTokenizer : OBSTACLES.noPerplexity;
  return measureObstacle(state);
}

/** Orders that come with a curve: perplexity, Block Influence, angular distance. */
const ORDERS_OF_A_CURVE = 3;
/** A usual run compares plans of one to three sizes, and measures two to five times. */
const SIZES = { low: 1, high: 3 };
const MEASUREMENTS = { low: 2, high: 5 };
/** Share of the blocks that a usual plan removes. */
const USUAL_SHARE = 0.25;

/** Seconds of the speed measurements of a run; null while nothing is known of the device. */
function speedSeconds({ model, score, speed }: StudioState): Seconds | null {
  const { current } = model;
  if (!current) return null;
  const { numBlocks } = current.summary;
  const removed = Array.from({ length: Math.round(numBlocks * USUAL_SHARE) }, (_, block) => block);
  const time = timeOf(current, removed, SETTINGS, speed.paces.get(score.settings.device));
  return (
    time && {
      low: time.seconds * MEASUREMENTS.low,
      high: time.seconds * MEASUREMENTS.high,
    }
  );
}

/** What a run will take, as far as it is known before it starts. */
function costOf(state: StudioState): Cost {
  const { curve } = state.score;
  const measures = curve !== null || canScore(state);
  const orders = Math.max(curve ? knownOrders(state).length : ORDERS_OF_A_CURVE, 1);
  const least = plansSeconds(state, orders * SIZES.low);
  const most = plansSeconds(state, orders * SIZES.high);
  const steps = Math.max(2, Math.round(numBlocksOf(state) * USUAL_SHARE));
  const search = iterativeSeconds(state, steps);
  return {
    score: measures && !curve ? scoreSeconds(state) : 'no',
    plans: measures ? least && most && { low: least.low, high: most.high } : 'no',
    speed: isExact(state.goal.kind) ? 'no' : speedSeconds(state),
    search: search === null ? null : { low: 0, high: Math.min(search, CHEAP_SECONDS) },
  };
}

/** How long a run will take, in words. */
export const goalCost = derive(
  (state: StudioState) => [costs(costOf(state))],
  (words): string => words,
);
