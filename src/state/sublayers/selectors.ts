// What is known of sublayers: their scores beside the curve of the same windows, and those that
// "remove the lowest" takes.

import { hasNumbers } from '../../analysis/perplexity.ts';
import { inBrowser } from '../../contract/device.ts';
import type { Measure, SublayersResult } from '../../contract/score.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blockOf, type SublayerUnit, sortUnits, sublayerUnit, type Unit } from '../../units.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';

export interface SublayerPoint {
  unit: SublayerUnit;
  /** Mean NLL in nats without the sublayer, or null while unknown. */
  nll: number | null;
  /**
   * 95 % interval of that NLL, paired with the original; NaN while unknown and for a single
   * window.
   */
  low: number;
  high: number;
}

export interface SublayersData {
  baseline: Measure | null;
  /** Attention and feed-forward of each block; null where they cannot be separated. */
  blocks: readonly (readonly [SublayerPoint, SublayerPoint] | null)[];
  growing: boolean;
}

/** True for the same token ids. */
export function sameWindows(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): boolean {
  return (
    a === b || (a.length === b.length && a.every((window, i) => window.join() === b[i]?.join()))
  );
}

/**
 * The scores of sublayers that may stand beside the current curve: of the same windows, on the same
 * kind of device.
 */
export const currentSublayers = derive(
  (state: StudioState) => [state.sublayers.result, state.score.curve],
  (sublayers, curve): SublayersResult | null => {
    if (!sublayers || !curve) return sublayers;
    const { windows, device } = curve.result;
    const isOfCurve =
      inBrowser(sublayers.device.kind) === inBrowser(device.kind) &&
      sameWindows(sublayers.windows, windows);
    return isOfCurve ? sublayers : null;
  },
);

/** Does not change with the plan. */
export const sublayersData = derive(
  (state: StudioState) => [state.model.current, state.sublayers.running, currentSublayers(state)],
  (model, running, result): SublayersData => {
    const shown = running ?? result;
    const baseline = shown?.baseline ?? null;
    const hasIntervals = baseline && baseline.nllPerWindow.length > 1 && hasNumbers(baseline);
    const spread = hasIntervals ? baseline.nll : Number.NaN;
    const known = new Map(shown?.parts.map((part) => [part.unit, part]));
    const pointOf = (unit: SublayerUnit): SublayerPoint => {
      const part = known.get(unit);
      const at = (i: 0 | 1) => (part ? spread + part.ci95[i] : Number.NaN);
      return { unit, nll: part?.nll ?? null, low: at(0), high: at(1) };
    };
    const blocks = (model?.summary.blocks ?? []).map(({ index, hasSublayers }) =>
      hasSublayers
        ? ([pointOf(sublayerUnit(index, 'attn')), pointOf(sublayerUnit(index, 'ffn'))] as const)
        : null,
    );
    return { baseline, blocks, growing: running !== null };
  },
);

/** True when there is a curve of numbers to score sublayers beside, and blocks that have any. */
export function canScoreSublayers(state: StudioState): boolean {
  const { curve } = state.score;
  return (
    curve !== null &&
    hasNumbers(curve.result.baseline) &&
    blocksOf(state).some(({ hasSublayers }) => hasSublayers)
  );
}

/** True when the chart shows sublayers, and "remove the lowest" takes them. */
export function showsSublayers(state: StudioState): boolean {
  return (
    state.sublayers.view === 'sublayers' &&
    (state.sublayers.running !== null || currentSublayers(state) !== null)
  );
}

/** True when the unit is removed, alone or with its block. */
export function isRemoved(removed: readonly Unit[], unit: Unit): boolean {
  return removed.includes(unit) || removed.includes(blockOf(unit));
}

/**
 * Sublayers that can be removed, least important first: of blocks that are unlocked and could be
 * removed as a whole.
 */
function unlockedSublayers(
  scores: SublayersResult | null,
  blocks: ModelSummary['blocks'],
  locked: readonly number[],
): SublayerUnit[] {
  if (!scores || !hasNumbers(scores.baseline)) return [];
  return scores.order.filter((unit) => {
    const block = blocks[blockOf(unit)];
    return block?.hasSublayers && !block.unremovable && !locked.includes(block.index);
  });
}

const blocksOf = (state: StudioState) => state.model.current?.summary.blocks ?? [];

/** Number of sublayers that "remove the lowest" may take: never all of the model. */
export function droppableSublayers(state: StudioState): number {
  const blocks = blocksOf(state);
  return Math.max(
    0,
    Math.min(
      unlockedSublayers(currentSublayers(state), blocks, state.plan.present.locked).length,
      2 * blocks.length - 1,
    ),
  );
}

/** The one-shot plan of k sublayers; both of a block become the block. */
export function lowestSublayers(state: StudioState, k: number): Unit[] {
  return sortUnits(
    unlockedSublayers(currentSublayers(state), blocksOf(state), state.plan.present.locked).slice(
      0,
      k,
    ),
  );
}
