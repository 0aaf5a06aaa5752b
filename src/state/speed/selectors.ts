// What the speed cards show, derived from the state: whose numbers, how fresh, what was foretold.
// Pure and memoised.

import { relativeError } from '../../analysis/speed.ts';
import type { Gain, SpeedSettings, VariantMeasure, Which } from '../../contract/speed.ts';
import type { CacheKind } from '../../contract/variant.ts';
import type { ErrorReport } from '../../errors.ts';
import { blocksLeft } from '../../units.ts';
import { derive } from '../memo.ts';
import { deviceName, modelOf } from '../selectors.ts';
import type { Measured, StudioState } from '../state.ts';
import { foretell, isForetellable, type Prediction, sides } from './prediction.ts';
import { isOf, newestOf, protocolWords } from './settings.ts';

export interface SpeedView {
  /** Any plan's measurement knows the original's speed. */
  original: VariantMeasure | null;
  /** Of the plan, or of an older one while `stale`; null when nothing is removed. */
  pruned: VariantMeasure | null;
  /** True when the numbers under `pruned` and `gain` are of another plan. */
  stale: boolean;
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
  /** Of the present plan, as long as it is not measured. */
  prediction: Prediction | null;
  /**
   * What earlier plans foretold of this one, with the relative error of that: (foretold - measured)
   * / measured.
   */
  foretold: { tokensPerSecond: number; error: number } | null;
}

const CACHES: Record<CacheKind, string> = {
  static: '',
  growing: 'growing cache: the past is copied at every step',
  none: 'no cache: every step repeats the whole text',
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
    model && shown && dtype === null && removed.length > 0 && isForetellable(removed)
      ? foretell(known.values(), shown, blocksLeft(model.summary.numBlocks, removed))
      : null,
);

export const speedView = derive(
  (state: StudioState) => [
    state.plan.present.removed,
    state.speed.shown,
    newestOf(state, state.plan.present.removed),
    prediction(state),
    state.export.dtype,
  ],
  (removed, shown, own, predicted, dtype): SpeedView => {
    const isOwn = shown !== null && isOf(shown, removed, dtype);
    const one = isOwn ? shown : (own ?? shown);
    const fresh = one !== null && isOf(one, removed, dtype);
    const result = one?.result ?? null;
    const hasPlan = removed.length > 0;
    const pruned = hasPlan ? (result?.pruned ?? null) : null;
    const stale = hasPlan && !fresh && pruned !== null;
    return {
      original: result?.original ?? null,
      pruned,
      stale,
      gain: hasPlan ? (result?.gain ?? null) : null,
      // A variant that failed in another plan says nothing of this one.
      errors: fresh ? (result?.errors ?? {}) : {},
      protocol: result ? protocolWords(result.settings) : '',
      mode: result?.settings.mode ?? null,
      devices: one ? [...new Set(sides(one).map(({ info }) => deviceName(info.device)))] : [],
      cache: one
        ? [...new Set(sides(one).map(({ info }) => CACHES[info.cache]))].filter(Boolean).join('; ')
        : '',
      notes: one ? notesOf(one, hasPlan) : [],
      prediction: fresh && pruned ? null : predicted,
      foretold: fresh && pruned && one?.predicted ? withError(one.predicted, pruned) : null,
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
      ? ['Both did not fit at once: they were loaded in turns and measured in rounds.']
      : [];
  const written =
    hasPlan && one.dtype ? [`The pruned model runs as exported in ${one.dtype}.`] : [];
  return [
    ...new Set([
      ...written,
      ...rounds,
      ...result.notes,
      ...measures.flatMap(({ info }) => info.notes),
    ]),
  ];
}
