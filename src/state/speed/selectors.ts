// What the speed cards show, derived from the state: whose numbers, how fresh, what was predicted.

import { APART, relativeError } from '../../analysis/speed.ts';
import type { Gain, SpeedSettings, VariantMeasure, Which } from '../../contract/speed.ts';
import type { CacheKind } from '../../contract/variant.ts';
import type { ErrorReport } from '../../errors.ts';
import type { ExportDtype } from '../../model/export/steps.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { SPEED_AS_PRUNED } from '../../words/healing.ts';
import { OBSTACLES } from '../../words/quantising.ts';
import { deviceName } from '../device/selectors.ts';
import { engineObstacle } from '../jobs.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import { isMetering } from './metering.ts';
import { isPredictable, type Prediction, predict, sides } from './prediction.ts';
import { formOf, isOf, newestOfPlan, protocolWords, UNWRITTEN } from './settings.ts';
import type { Measured } from './state.ts';

/** Why nothing can be measured now, or null. */
export function measureObstacle(state: StudioState): string | null {
  if (!state.model.current) return 'No model is open.';
  const busy = engineObstacle(state);
  if (busy !== null) return busy;
  if (state.generate.running) return 'Text is being generated.';
  if (isMetering(state)) return 'A measurement is running.';
  const { quantised } = formOf(state, state.plan.present);
  return quantised === UNWRITTEN ? OBSTACLES.mixedFirst : null;
}

export interface SpeedView {
  /** Any plan's measurement knows the original's speed. */
  original: VariantMeasure | null;
  /** Of the plan, or of an older one while `stale`; null when nothing is removed. */
  pruned: VariantMeasure | null;
  /** True when the numbers under `pruned` and `gain` are of another plan or precision. */
  stale: boolean;
  /** What stale numbers belong to: "of another plan", "in another precision". */
  staleWords: string;
  gain: Gain | null;
  errors: { readonly [W in Which]?: ErrorReport };
  /** Settings of the numbers: "quick: 2 + 5 runs, …"; '' before the first. */
  protocol: string;
  mode: SpeedSettings['mode'] | null;
  /** Devices of the numbers; two when the variants ran on different ones. */
  devices: readonly string[];
  /** A cache that is not static, in words; '' otherwise. */
  cache: string;
  /** Remarks of the measurement, and of what was loaded. */
  notes: readonly string[];
  /** Of the current plan, as long as it is not measured. */
  prediction: Prediction | null;
  /**
   * What earlier plans predicted for this one, with the relative error of that: (predicted -
   * measured) / measured.
   */
  predicted: { tokensPerSecond: number; error: number } | null;
  /** Prediction and measurement differ so much that one of them is wrong. */
  parted: boolean;
  /** The gain of each measurement that is pooled in the numbers; empty for a single one. */
  gains: readonly Gain[];
}

/** Whether there is something beside the original: a plan, or another precision. */
const isWritten = (removed: readonly Unit[], dtype: ExportDtype | null): boolean =>
  removed.length > 0 || dtype !== null;

/** The same of the plan as exports write it. */
export const runsPlan = ({ plan, export: { dtype } }: StudioState): boolean =>
  isWritten(plan.present.removed, dtype);

const CACHES: Record<CacheKind, string> = {
  static: '',
  growing: 'KV cache is copied each step (slow path)',
  none: 'no KV cache: each step runs the whole text again (slow path)',
};

/**
 * The line through everything measured like the newest numbers, taken at the size of the plan. Null
 * while measured sizes are too few.
 */
const prediction = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    state.speed.known,
    state.speed.shown,
    state.export.dtype,
  ],
  (model, removed, known, shown, dtype): Prediction | null =>
    model && shown && dtype === null && removed.length > 0 && isPredictable(removed)
      ? predict(known.values(), shown, blocksLeft(model.summary.numBlocks, removed))
      : null,
);

export const speedView = derive(
  (state: StudioState) => [
    state.plan.present,
    state.speed.shown,
    newestOfPlan(state),
    prediction(state),
    state.export.dtype,
    state.quantise,
  ],
  (present, shown, own, nextPrediction, dtype, quantise): SpeedView => {
    const { removed, healing } = present;
    const at = { quantise, export: { dtype } };
    const form = formOf(at, present, dtype);
    const isOwn = shown !== null && isOf(shown, removed, form);
    const one = isOwn ? shown : (own ?? shown);
    const asPruned =
      healing !== undefined && one !== null && isOf(one, removed, formOf(at, { removed }, dtype));
    const fresh = one !== null && (asPruned || isOf(one, removed, form));
    const result = one?.result ?? null;
    const hasPlan = isWritten(removed, dtype);
    const pruned = hasPlan ? (result?.pruned ?? null) : null;
    const stale = hasPlan && !fresh && pruned !== null;
    const predicted = fresh && pruned && one?.predicted ? withError(one.predicted, pruned) : null;
    return {
      original: result?.original ?? null,
      pruned,
      stale,
      staleWords:
        one?.removed.join() === removed.join() ? 'in another precision' : 'of another plan',
      gain: hasPlan ? (result?.gain ?? null) : null,
      // A variant that failed in another plan says nothing of this one.
      errors: fresh ? (result?.errors ?? {}) : {},
      protocol: result ? protocolWords(result.settings) : '',
      mode: result?.settings.mode ?? null,
      devices: one ? [...new Set(sides(one).map(({ info }) => deviceName(info.device)))] : [],
      cache: one
        ? [...new Set(sides(one).map(({ info }) => CACHES[info.cache]))].filter(Boolean).join('; ')
        : '',
      notes: one ? [...(asPruned ? [SPEED_AS_PRUNED] : []), ...notesOf(one, hasPlan)] : [],
      prediction: fresh && pruned ? null : nextPrediction,
      predicted,
      parted: predicted !== null && Math.abs(predicted.error) > APART,
      gains: (hasPlan && one?.gains) || [],
    };
  },
);

function withError(tokensPerSecond: number, { speed }: VariantMeasure) {
  return { tokensPerSecond, error: relativeError(tokensPerSecond, speed.throughput.mean) };
}

function notesOf(one: Measured, hasPlan: boolean): string[] {
  const { result } = one;
  const measures = hasPlan ? sides(one) : sides(one).slice(0, 1);
  const rounds =
    result.interleaved === 'rounds' && result.pruned
      ? ['Original and pruned did not fit in memory together: loaded and measured in turn.']
      : [];
  const written =
    hasPlan && one.dtype ? [`The pruned model runs as exported in ${one.dtype}.`] : [];
  const loaded = measures.flatMap(({ info }) => info.notes);
  return [...new Set([...written, ...rounds, ...result.notes, ...loaded])];
}
