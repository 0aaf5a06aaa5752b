// What a goal asks for in numbers: bytes that are computed exactly, or a gain and bytes that are
// measured, with what is expected of a plan before that.

import type { Goal } from '../../analysis/goal.ts';
import { fitLatency, gainOf, predictSeconds, throughputOf } from '../../analysis/speed.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { planSize } from '../../model/open/size.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import type { GoalKind } from '../../words/goal.ts';
import { isPredictable } from '../speed/prediction.ts';
import { deviceEstimate, isOf, newestOf, PROTOCOLS, speedKey } from '../speed/settings.ts';
import type { Measured } from '../speed/state.ts';
import type { StudioState } from '../state.ts';

export const SETTINGS = PROTOCOLS.quick;

/** Known without running anything. */
export const isExact = (kind: GoalKind): boolean => kind === 'smaller' || kind === 'size';

/** A measured value with its 95 % interval; one without a spread has it for both ends. */
export interface Reading {
  value: number;
  ci95: readonly [low: number, high: number];
}

/** A reading without a spread. */
export const exactly = (value: number): Reading => ({ value, ci95: [value, value] });

/** Bytes of the files that an export of the plan writes; null while the precision's are unknown. */
export function sizeOf(state: StudioState, removed: readonly Unit[]): number | null {
  const { model, export: chosen } = state;
  if (!model.current) return null;
  const { summary } = model.current;
  if (chosen.dtype === null)
    return removed.length === 0 ? summary.bytes : planSize(summary, removed).bytes;
  return chosen.sizes?.dtype === chosen.dtype
    ? planSize(summary, removed, chosen.sizes.written).bytes
    : null;
}

/** Bytes that the files may have at most; null for other kinds of goals. */
export function targetBytes(state: StudioState): number | null {
  const { kind, value } = state.goal;
  const original = state.model.current?.summary.bytes ?? null;
  if (value === null) return null;
  if (kind === 'size') return value;
  return kind === 'smaller' && original !== null ? original * (1 - value / 100) : null;
}

/** Measurements by the quick protocol on the device of now, oldest first. */
function quickOnes(state: StudioState): Measured[] {
  const { device } = state.score.settings;
  return [...state.speed.known.values()].filter(
    ({ key, removed, dtype, result }) =>
      result.settings.mode === SETTINGS.mode &&
      key === speedKey(removed, result.settings, device, dtype ?? null),
  );
}

/**
 * Tokens/s of the original that absolute speeds are gains of: the oldest measurement, so that it
 * does not change while a plan is looked for. Null while there is none.
 */
export function originalSpeed(state: StudioState): VariantMeasure | null {
  return quickOnes(state).find(({ result }) => result.original)?.result.original ?? null;
}

/** What a measured value must reach; null while the original that it depends on is not measured. */
export function measuredGoal(state: StudioState): Goal | null {
  const { kind, value } = state.goal;
  if (value === null) return null;
  if (kind === 'memory') return { sense: 'atMost', value };
  if (kind === 'faster') return { sense: 'atLeast', value: 1 + value / 100 };
  const original = originalSpeed(state);
  return original && { sense: 'atLeast', value: value / original.speed.throughput.mean };
}

/** The quick measurement of a plan, original and pruned; null without one. */
export function quickPair(state: StudioState, removed: readonly Unit[]): Measured | null {
  const one = newestOf(state, removed);
  return one?.result.settings.mode === SETTINGS.mode && one.result.gain ? one : null;
}

/** What a measurement says of the goal; null when the pruned model was not measured. */
export function readingOf(kind: GoalKind, { result }: Measured): Reading | null {
  const { original, pruned, interleaved } = result;
  if (!original || !pruned) return null;
  if (kind === 'memory')
    return { value: pruned.deviceBytes, ci95: [pruned.deviceBytes, pruned.deviceBytes] };
  const { ratio, ci95 } =
    result.gain ??
    gainOf(
      original.samples.map(throughputOf),
      pruned.samples.map(throughputOf),
      interleaved === 'runs',
    );
  return { value: ratio, ci95 };
}

/**
 * What a plan may reach before it is measured. Gains follow from a line through the times relative
 * to the original's of the same measurement, so that what slows the whole machine cancels; before
 * the first measurement, from the sizes.
 */
export function expected(
  state: StudioState,
  removed: readonly Unit[],
): { value: number; isPredicted: boolean } | null {
  const model = state.model.current;
  if (!model) return null;
  if (state.goal.kind === 'memory') {
    const value = deviceEstimate(model, removed, SETTINGS.promptTokens + SETTINGS.tokens);
    return { value, isPredicted: true };
  }
  const all = model.summary.numBlocks;
  const points = quickOnes(state).flatMap((one) => {
    const ratio = one.result.gain?.ratio;
    const isLike = isOf(one, one.removed, state.export.dtype) && isPredictable(one.removed);
    return ratio && isLike && one.removed.join() !== removed.join()
      ? [
          { blocks: all, seconds: 1 },
          { blocks: blocksLeft(all, one.removed), seconds: 1 / ratio },
        ]
      : [];
  });
  const fit = fitLatency(points);
  const relative = fit && predictSeconds(fit, blocksLeft(all, removed));
  if (relative) return { value: 1 / relative, isPredicted: true };
  const left = planSize(model.summary, removed).bytes;
  return { value: planSize(model.summary, []).bytes / left, isPredicted: false };
}
