// What a measurement is asked with: the protocols, their words, the key a result belongs to. Pure.

import { PAPER_PROTOCOL, QUICK_PROTOCOL } from '../../analysis/speed.ts';
import type { BrowserDeviceKind } from '../../contract/device.ts';
import type { MeterRequest, SpeedSettings } from '../../contract/speed.ts';
import type { ExportDtype } from '../../model/export/steps.ts';
import { planSize } from '../../model/open/size.ts';
import type { Unit } from '../../units.ts';
import { hasThreadsOfNow, wholeDeviceOf } from '../device/selectors.ts';
import type { OpenModel } from '../open/state.ts';
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

/**
 * What a measurement belongs to: plan, settings, the device that was asked for, and the precision
 * that the plan is exported in (null: the source's).
 */
export function speedKey(
  removed: readonly Unit[],
  settings: SpeedSettings,
  device: 'auto' | BrowserDeviceKind,
  dtype: ExportDtype | null,
  healing?: string,
): string {
  const written = dtype === null ? '' : `@${dtype}`;
  const healed = healing === undefined ? '' : `~${healing}`;
  return `${removed.join(',')}${healed}${written}|${protocolKey(settings, device)}`;
}

/** Key of a quick measurement of a plan, not healed, as it would be exported and measured now. */
export function quickKey({ score, export: { dtype } }: StudioState, removed: readonly Unit[]) {
  return speedKey(removed, PROTOCOLS.quick, score.settings.device, dtype);
}

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

/** True for a measurement of this plan with this healing, written in this precision. */
export function isOf(
  one: Pick<Measured, 'removed' | 'dtype' | 'healing'>,
  removed: readonly Unit[],
  dtype: ExportDtype | null,
  healing?: string,
): boolean {
  return (
    one.removed.join() === removed.join() &&
    (one.dtype ?? null) === dtype &&
    one.healing === healing
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
  const own = healing === undefined ? null : newestOf(state, removed, state.export.dtype, healing);
  return own ?? newestOf(state, removed);
}

/**
 * The newest measurement of `removed` on the device that is asked for now, whatever its settings.
 * @param dtype the precision in which the plan was written; by default the one chosen for exports
 */
export function newestOf(
  state: StudioState,
  removed: readonly Unit[],
  dtype: ExportDtype | null = state.export.dtype,
  healing?: string,
): Measured | null {
  const { speed, score } = state;
  const { device } = score.settings;
  let newest: Measured | null = null;
  for (const one of speed.known.values()) {
    const key = speedKey(removed, one.result.settings, device, dtype, healing);
    if (isOf(one, removed, dtype, healing) && one.key === key && isOnDevice(one, state))
      newest = one;
  }
  return newest;
}
