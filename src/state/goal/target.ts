// What a goal asks for in numbers: bytes that are computed exactly, or a gain and bytes that are
// measured, with what is expected of a plan before that.

import type { Goal } from '../../analysis/goal.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { planSize } from '../../model/open/size.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import type { GoalKind } from '../../words/goal.ts';
import { exportForm, isPlain, sizeIn } from '../export/selectors.ts';
import { predict } from '../speed/prediction.ts';
import { deviceEstimate, newestOf, PROTOCOLS, speedKey } from '../speed/settings.ts';
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
  if (isPlain(exportForm(state)))
    return removed.length === 0 ? summary.bytes : planSize(summary, removed).bytes;
  return sizeIn(state, chosen.dtype, removed)?.bytes ?? null;
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
    ({ key, removed, dtype = null, quantised, result }) =>
      result.settings.mode === SETTINGS.mode &&
      key === speedKey(removed, result.settings, device, { dtype, quantised }),
  );
}

/** The newest quick measurement of the original; null while there is none. */
export function originalMeasure(state: StudioState): VariantMeasure | null {
  return quickOnes(state).findLast(({ result }) => result.original)?.result.original ?? null;
}

/**
 * What a measured value must reach.
 * @param original tokens/s that absolute speeds are gains of
 */
export function measuredGoal({ goal }: StudioState, original: number): Goal {
  const value = goal.value ?? Number.NaN;
  if (goal.kind === 'memory') return { sense: 'atMost', value };
  if (goal.kind === 'faster') return { sense: 'atLeast', value: 1 + value / 100 };
  return { sense: 'atLeast', value: value / original };
}

/** The quick measurement of a plan, original and pruned; null without one. */
export function quickPair(state: StudioState, removed: readonly Unit[]): Measured | null {
  const one = newestOf(state, removed);
  return one?.result.settings.mode === SETTINGS.mode && one.result.gain ? one : null;
}

/** What a measurement says of the goal; null when the pruned model was not measured. */
export function readingOf(kind: GoalKind, { result }: Measured): Reading | null {
  const { pruned, gain } = result;
  if (kind === 'memory') return pruned && exactly(pruned.deviceBytes);
  return gain && { value: gain.ratio, ci95: gain.ci95 };
}

/**
 * What a plan may reach before it is measured: by the line through the gains of others or, before
 * the first measurement, by the sizes, which says only what to try first.
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
  const key = removed.join();
  const others = quickOnes(state).filter((one) => one.removed.join() !== key);
  const like = others.findLast(({ result }) => result.gain);
  const blocks = blocksLeft(model.summary.numBlocks, removed);
  // The line is of the source's precision.
  const line = like && state.export.dtype === null ? predict(others, like, blocks) : null;
  if (line) return { value: line.gain, isPredicted: true };
  const left = planSize(model.summary, removed).bytes;
  return { value: planSize(model.summary, []).bytes / left, isPredicted: false };
}
