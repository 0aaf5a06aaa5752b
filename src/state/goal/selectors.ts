// The goal as the page shows it: why no plan can be looked for, and how long it will take.

import { type Cost, costs, OBSTACLES } from '../../words/goal.ts';
import { knownOrders } from '../criteria/orders.ts';
import { derive } from '../memo.ts';
import { numBlocksOf } from '../open/selectors.ts';
import { canScore } from '../score/selectors.ts';
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
  if (value === null) return OBSTACLES.noValue;
  if (kind === 'smaller' && value >= 100) return OBSTACLES.tooSmall(value);
  if (isExact(kind) && sizeOf(state, []) === null) return OBSTACLES.noSize;
  if (maxRise !== null && !state.score.curve && !canScore(state))
    return model.current.summary.canScore ? OBSTACLES.noTokenizer : OBSTACLES.noPerplexity;
  return measureObstacle(state);
}

/** Orders that come with a curve: perplexity, Block Influence, angular distance. */
const ORDERS_OF_A_CURVE = 3;
/** Sizes of plans that are compared in a usual run. */
const USUAL_SIZES = 2;
/** Share of the blocks that a usual plan removes. */
const USUAL_SHARE = 0.25;

/** Measurements of a usual run: two plans, one of them twice. */
const USUAL_READINGS = 3;

/** Seconds of one measurement of a usual plan; null while nothing is known of the device. */
function speedSeconds({ model, score, speed }: StudioState): number | null {
  const { current } = model;
  if (!current) return null;
  const { numBlocks } = current.summary;
  const removed = Array.from({ length: Math.round(numBlocks * USUAL_SHARE) }, (_, block) => block);
  const pace = speed.paces.get(score.settings.device);
  return timeOf(current, removed, SETTINGS, pace)?.seconds ?? null;
}

/** What a run will take, as far as it is known before it starts. */
function costOf(state: StudioState): Cost {
  const { curve } = state.score;
  const blocks = numBlocksOf(state);
  const ofPlan = curve && !curve.restored ? (2 * curve.result.seconds) / (blocks + 1) : null;
  const orders = Math.max(curve ? knownOrders(state).length : ORDERS_OF_A_CURVE, 1);
  const search = iterativeSeconds(state, Math.max(2, Math.round(blocks * USUAL_SHARE)));
  const speed = speedSeconds(state);
  const measuresPerplexity = curve !== null || canScore(state);
  return {
    score: measuresPerplexity && !curve ? null : 0,
    plans: measuresPerplexity ? ofPlan && ofPlan * orders * USUAL_SIZES : 0,
    speed: isExact(state.goal.kind) ? 0 : speed && speed * USUAL_READINGS,
    search: search === null ? null : Math.min(search, CHEAP_SECONDS),
  };
}

/** How long a run will take, in words. */
export const goalCost = derive(
  (state: StudioState) => [costs(costOf(state))],
  (words): string => words,
);
