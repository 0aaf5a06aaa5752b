// What a measurement is asked with: the protocols, their words, the key a result belongs to. Pure.

import { PAPER_PROTOCOL, QUICK_PROTOCOL } from '../../analysis/speed.ts';
import type { BrowserDeviceKind } from '../../contract/device.ts';
import type { MeterRequest, SpeedSettings } from '../../contract/speed.ts';
import { type ExportDtype, isQuantisedDtype } from '../../model/export/steps.ts';
import { planSize } from '../../model/open/size.ts';
import type { Unit } from '../../units.ts';
import { hasThreadsOfNow, wholeDeviceOf } from '../device/selectors.ts';
import { activeQuantisation } from '../effect/steps.ts';
import type { OpenModel } from '../open/state.ts';
import type { Plan } from '../plan/plan.ts';
import { alikeOf, writtenIn } from '../quantise/written.ts';
import type { StudioState } from '../state.ts';
import type { Measured } from './state.ts';

export type SpeedMode = 'quick' | 'paper';

export const PROTOCOLS: Record<SpeedMode, SpeedSettings> = {
  paper: PAPER_PROTOCOL,
  quick: QUICK_PROTOCOL,
};

/** Rows of a batch sweep. */
export const SWEEP_BATCHES = [1, 2, 4, 8, 16, 32];

const MODES: Record<SpeedSettings['mode'], string> = {
  quick: 'quick',
  paper: 'paper protocol',
  custom: 'own settings',
};

/** The settings that stand beside every number: "quick: 2 + 5 runs, 12 → 32 tokens, batch 1". */
export function protocolWords({
  mode,
  warmup,
  runs,
  promptTokens,
  tokens,
  batch,
}: SpeedSettings): string {
  return (
    `${MODES[mode]}: ${warmup} + ${runs} runs, ${promptTokens} → ${tokens} tokens, batch ` +
    `${batch}`
  );
}

/** Equal keys: the same numbers up to noise, whatever plan. */
function protocolKey(settings: SpeedSettings, device: 'auto' | BrowserDeviceKind): string {
  return `${JSON.stringify(settings)}|${device}`;
}

/** What is run of a plan: as it is written in a precision. */
export interface Form {
  /** Null: that of the source. */
  dtype: ExportDtype | null;
  healing?: string | undefined;
  /** In few bits: by what, the key of its `Written`. */
  quantised?: string | undefined;
}

/** In place of a key: it has to be quantised before it can be run. */
export const UNWRITTEN = 'not quantised';

/**
 * How a plan is run in a precision: what is not quantised yet by settings that are as fast.
 * @param dtype by default that of exports
 */
export function formOf(
  state: { quantise: StudioState['quantise']; export: Pick<StudioState['export'], 'dtype'> },
  { removed, healing }: Pick<Plan, 'removed' | 'healing'>,
  dtype: ExportDtype | null = state.export.dtype,
): Form {
  if (!isQuantisedDtype(dtype)) return { dtype, healing };
  const written = writtenIn(state, dtype, { removed, healing });
  return { dtype, healing, quantised: alikeOf(written)?.key ?? UNWRITTEN };
}

/** What a measurement belongs to: plan, form, settings, and the device that was asked for. */
export function speedKey(
  removed: readonly Unit[],
  settings: SpeedSettings,
  device: 'auto' | BrowserDeviceKind,
  { dtype, healing, quantised }: Form,
): string {
  const written = dtype === null ? '' : `@${dtype}`;
  const healed = healing === undefined ? '' : `~${healing}`;
  const few = quantised === undefined ? '' : `#${quantised}`;
  return `${removed.join(',')}${healed}${written}${few}|${protocolKey(settings, device)}`;
}

/**
 * The form of a plan that is measured by itself: with its healing where few bits are of that, else
 * without, as healed weights are as many.
 */
export function formByItself(state: StudioState, removed: readonly Unit[]): Form {
  const { present } = state.plan;
  const isOwn = present.removed.join() === removed.join() && activeQuantisation(state) !== null;
  return formOf(state, isOwn ? present : { removed });
}

/** Key of a quick measurement of a plan as it would be exported and measured by itself now. */
export const quickKey = (state: StudioState, removed: readonly Unit[]): string =>
  speedKey(removed, PROTOCOLS.quick, state.score.settings.device, formByItself(state, removed));

/**
 * Device bytes of a variant before it is loaded: its weights, and the cache of `tokens` tokens in
 * `batch` rows.
 */
export function deviceEstimate(
  model: OpenModel,
  removed: readonly Unit[],
  tokens: number,
  batch = 1,
): number {
  const { bytes, kvBytesPerToken } = planSize(model.summary, removed);
  return bytes + (kvBytesPerToken ?? 0) * tokens * batch;
}

/**
 * What every job of the meter has in common; `tokens` = prompt and new tokens of one row.
 */
export function meterRequest(
  model: OpenModel,
  removed: readonly Unit[],
  device: 'auto' | BrowserDeviceKind,
  tokens: number,
  batch = 1,
): MeterRequest {
  return {
    source: model.source,
    graph: model.summary.graph,
    removed: [...removed],
    device,
    estimate: {
      original: deviceEstimate(model, [], tokens, batch),
      pruned: deviceEstimate(model, removed, tokens, batch),
    },
  };
}

/** True for a measurement of this plan in this form. */
export function isOf(
  one: Pick<Measured, 'removed' | 'dtype' | 'healing' | 'quantised'>,
  removed: readonly Unit[],
  { dtype, healing, quantised }: Form,
): boolean {
  return (
    one.removed.join() === removed.join() &&
    (one.dtype ?? null) === dtype &&
    one.healing === healing &&
    one.quantised === quantised
  );
}

/**
 * True when it ran on the kind of device that a measurement would run on now, and on as many
 * threads. What was kept from an earlier visit may have run on a GPU that is not there today.
 */
function isOnDevice({ result }: Measured, state: StudioState): boolean {
  const now = wholeDeviceOf(state, state.score.settings.device);
  const used = (result.pruned ?? result.original)?.info.device;
  if (now === null || used === undefined) return true;
  return used.kind === now && hasThreadsOfNow(used, state.device.report);
}

/**
 * The newest measurement of the plan with its healing or, where that was not measured, without it:
 * as many weights of the same sizes run as fast.
 */
export function newestOfPlan(state: StudioState): Measured | null {
  const { removed, healing } = state.plan.present;
  const own =
    healing === undefined ? null : newestOf(state, removed, formOf(state, { removed, healing }));
  return own ?? newestOf(state, removed);
}

/**
 * The newest measurement of `removed` on the device that is asked for now, whatever its settings.
 * @param form by default with the weights of the source, in the precision of exports
 */
export function newestOf(
  state: StudioState,
  removed: readonly Unit[],
  form: Form = formOf(state, { removed }),
): Measured | null {
  const { speed, score } = state;
  const { device } = score.settings;
  let newest: Measured | null = null;
  for (const one of speed.known.values()) {
    const key = speedKey(removed, one.result.settings, device, form);
    if (isOf(one, removed, form) && one.key === key && isOnDevice(one, state)) newest = one;
  }
  return newest;
}
