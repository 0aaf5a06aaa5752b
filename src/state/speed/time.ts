// About how long a measurement will take, from what was measured before: of this model or, for its
// size, of another one.

import type { SpeedSettings } from '../../contract/speed.ts';
import { planSize } from '../../model/open/size.ts';
import type { Unit } from '../../units.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { OpenModel } from '../open/state.ts';
import type { StudioState } from '../state.ts';
import { nameOf, type Pace } from './pace.ts';
import { PROTOCOLS, type SpeedMode, SWEEP_BATCHES } from './settings.ts';
import type { Swept } from './state.ts';

export interface TimeNeeded {
  seconds: number;
  /** Measured on another model, and scaled by its size. */
  isOfOther: boolean;
  /** An upper bound: it may end earlier. */
  isMost: boolean;
}

/** Starting a worker and the runtime in it. */
const START_SECONDS = 0.5;

function secondsOf(pace: Pace, bytes: number, settings: SpeedSettings, rows: number): number {
  const { promptTokens, tokens, warmup, runs } = settings;
  const run = promptTokens * pace.prompt + (tokens - 1) * pace.token;
  return START_SECONDS + bytes * (pace.load + (warmup + runs) * rows * run);
}

const bytesOf = (model: OpenModel, removed: readonly Unit[]): number[] =>
  (removed.length > 0 ? [[], removed] : [[]]).map((units) => planSize(model.summary, units).bytes);

const parts = (state: StudioState) =>
  [
    modelOf(state),
    state.plan.present.removed,
    state.speed.paces.get(state.score.settings.device),
  ] as const;

/** A measurement of original and plan; null while nothing is known of the device. */
export function timeOf(
  model: OpenModel | null,
  removed: readonly Unit[],
  settings: SpeedSettings,
  pace: Pace | undefined,
): TimeNeeded | null {
  if (!model || !pace) return null;
  const seconds = bytesOf(model, removed).reduce(
    (sum, bytes) => sum + secondsOf(pace, bytes, settings, settings.batch),
    0,
  );
  return { seconds, isOfOther: pace.model !== nameOf(model), isMost: false };
}

const protocolTime = (mode: SpeedMode) =>
  derive(parts, (model, removed, pace) => timeOf(model, removed, PROTOCOLS[mode], pace));

/** Of a measurement of the current plan by each protocol; null while nothing is known. */
export const TIMES = { quick: protocolTime('quick'), paper: protocolTime('paper') };

/** A run of M rows takes at most M times as long as one of a single row. */
export const sweepTime = derive(
  (state: StudioState) => [...parts(state), state.speed.sweep.shown] as const,
  (model, removed, pace, swept): TimeNeeded | null => {
    if (!model) return null;
    if (swept) return { seconds: sweptSeconds(swept), isOfOther: false, isMost: false };
    return timeOfSweeps(model, bytesOf(model, removed), pace);
  },
);

/** A sweep of variants of so many bytes. */
export function timeOfSweeps(
  model: OpenModel,
  sizes: readonly number[],
  pace: Pace | undefined,
): TimeNeeded | null {
  if (!pace) return null;
  const rows = SWEEP_BATCHES.reduce((sum, batch) => sum + batch, 0);
  const seconds = sizes.reduce(
    (sum, bytes) => sum + secondsOf(pace, bytes, PROTOCOLS.quick, rows),
    0,
  );
  return { seconds, isOfOther: pace.model !== nameOf(model), isMost: true };
}

/** What the runs of the last sweep took. */
function sweptSeconds({ result: { original, pruned, settings } }: Swept): number {
  const perPoint = settings.warmup + settings.runs;
  return [...original, ...pruned].reduce((sum, { latency }) => sum + perPoint * latency.mean, 0);
}
