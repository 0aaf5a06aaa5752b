// The plans that a goal search may try, with what is estimated and measured of each.

import type { Candidate, Goal } from '../../analysis/goal.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { planSize } from '../../model/open/size.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { droppable, oneShot } from '../criteria/orders.ts';
import { predict } from '../speed/prediction.ts';
import { deviceEstimate, newestOf, PROTOCOLS } from '../speed/settings.ts';
import type { StudioState } from '../state.ts';
import type { GoalKind } from './state.ts';

export const SETTINGS = PROTOCOLS.quick;

export const goalOf = (kind: GoalKind, value: number): Goal => ({
  sense: kind === 'speed' ? 'atLeast' : 'atMost',
  value,
});

export function measuredValue(
  kind: GoalKind,
  { info, speed, deviceBytes }: VariantMeasure,
): number {
  if (kind === 'speed') return speed.throughput.mean;
  return kind === 'file' ? info.fileBytes : deviceBytes;
}

/**
 * The original as a candidate: the oldest measurement, so that it does not change during a search.
 */
function originalValue(state: StudioState, kind: GoalKind): number | null {
  const { device } = state.score.settings;
  for (const one of state.speed.known.values()) {
    const { original, settings } = one.result;
    if (original && settings.mode === SETTINGS.mode && one.key.endsWith(`|${device}`))
      return measuredValue(kind, original);
  }
  return null;
}

function planValue(state: StudioState, kind: GoalKind, removed: readonly Unit[]): number | null {
  const result = newestOf(state, removed, null)?.result;
  return result?.settings.mode === SETTINGS.mode && result.pruned
    ? measuredValue(kind, result.pruned)
    : null;
}

function estimateOf(state: StudioState, kind: GoalKind, removed: readonly Unit[]): number | null {
  const model = state.model.current;
  if (!model) return null;
  if (kind === 'file') return planSize(model.summary, removed).bytes;
  if (kind === 'device')
    return deviceEstimate(model, removed, SETTINGS.promptTokens + SETTINGS.tokens);
  const all = [...state.speed.known.values()];
  const like = all.findLast((one) => one.result.settings.mode === SETTINGS.mode);
  const blocks = blocksLeft(model.summary.numBlocks, removed);
  return like ? (predict(all, like, blocks)?.tokensPerSecond ?? null) : null;
}

/** The one-shot plans of the current order, by number of removals from 0 on. */
export function candidates(state: StudioState, kind: GoalKind): Candidate[] {
  return Array.from({ length: droppable(state) + 1 }, (_, k) => {
    const removed = oneShot(state, k);
    return {
      estimated: estimateOf(state, kind, removed),
      measured: k === 0 ? originalValue(state, kind) : planValue(state, kind, removed),
    };
  });
}
