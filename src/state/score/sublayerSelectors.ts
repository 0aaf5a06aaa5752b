// What is known of the parts of blocks: their scores beside the curve of the same windows, and the
// parts that "drop the lowest" takes. Pure and memoised.

import type { Measure, SublayersResult } from '../../contract/score.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blockOf, type SublayerUnit, sortUnits, sublayerUnit, type Unit } from '../../units.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';

export interface SublayerPoint {
  unit: SublayerUnit;
  /** Mean NLL in nats without the part, or null while unknown. */
  nll: number | null;
  /**
   * 95 % interval of that NLL, paired with the intact model; NaN while unknown and for a single
   * window.
   */
  low: number;
  high: number;
}

export interface SublayersData {
  baseline: Measure | null;
  /** Attention and feed-forward of each block; null where they cannot be told apart. */
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
 * The scores of parts that may stand beside the curve in force: of the same windows, on the same
 * kind of device.
 */
export const currentSublayers = derive(
  (state: StudioState) => [state.parts.result, state.score.curve],
  (parts, curve): SublayersResult | null => {
    if (!parts || !curve) return parts;
    const { windows, device } = curve.result;
    return parts.device.kind === device.kind && sameWindows(parts.windows, windows) ? parts : null;
  },
);

/** Does not change with the plan. */
export const sublayersData = derive(
  (state: StudioState) => [state.model.current, state.parts.running, currentSublayers(state)],
  (model, running, result): SublayersData => {
    const shown = running ?? result;
    const baseline = shown?.baseline ?? null;
    const spread = baseline && baseline.nllPerWindow.length > 1 ? baseline.nll : Number.NaN;
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

/** True when there is a curve to score parts beside, and blocks whose parts can be told apart. */
export function canScoreSublayers(state: StudioState): boolean {
  return state.score.curve !== null && blocksOf(state).some(({ hasSublayers }) => hasSublayers);
}

/** True when the chart shows parts, and "drop the lowest" takes them. */
export function showsSublayers(state: StudioState): boolean {
  return (
    state.parts.view === 'parts' &&
    (state.parts.running !== null || currentSublayers(state) !== null)
  );
}

/** True when the unit is gone, alone or with its block. */
export function isRemoved(removed: readonly Unit[], unit: Unit): boolean {
  return removed.includes(unit) || removed.includes(blockOf(unit));
}

/**
 * Parts that may go, least important first: of blocks that are unlocked and could go as a whole.
 */
function unlockedSublayers(
  parts: SublayersResult | null,
  blocks: ModelSummary['blocks'],
  locked: readonly number[],
): SublayerUnit[] {
  return (parts?.order ?? []).filter((unit) => {
    const block = blocks[blockOf(unit)];
    return block?.hasSublayers && !block.unremovable && !locked.includes(block.index);
  });
}

const blocksOf = (state: StudioState) => state.model.current?.summary.blocks ?? [];

/** Number of parts that "drop the lowest" may take: never all of the model. */
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

/** The one-shot plan of k parts; both parts of a block become the block. */
export function lowestSublayers(state: StudioState, k: number): Unit[] {
  return sortUnits(
    unlockedSublayers(currentSublayers(state), blocksOf(state), state.plan.present.locked).slice(
      0,
      k,
    ),
  );
}
