// Keys that say what a number was computed from: equal keys, equal numbers.

import { inBrowser } from '../contract/device.ts';
import type { HealRequest } from '../contract/heal.ts';
import type { QuantiseRequest } from '../contract/quantise.ts';
import type { ScoreSettings } from '../contract/score.ts';
import type { Unit } from '../units.ts';
import type { StudioState } from './state.ts';

/** Keys by settings object, as texts may be long. */
const keys = new WeakMap<ScoreSettings, string>();

/** Settings as a key: equal keys give equal curves. The budget decides how, not what. */
export function settingsKey(settings: ScoreSettings): string {
  const { text } = settings;
  const brief = text.kind === 'text' ? { ...text, text: digest(text.text) } : text;
  const key =
    keys.get(settings) ?? JSON.stringify({ ...settings, text: brief, budgetBytes: undefined });
  keys.set(settings, key);
  return key;
}

const healKeys = new WeakMap<HealRequest, string>();

/** A healing as a key: equal keys, equal healings. Device and budget decide how, not what. */
export function healKey(request: HealRequest): string {
  const { removed, data, methods } = request;
  const key =
    healKeys.get(request) ??
    JSON.stringify([removed, methods, data.heldOut, brief(data.text), brief(data.foreign)]);
  healKeys.set(request, key);
  return key;
}

const quantiseKeys = new WeakMap<QuantiseRequest, string>();

/** A quantisation as a key: equal keys, equal bytes and measures. */
export function quantiseKey(request: QuantiseRequest): string {
  const { removed, healing = null, dtype, settings, forms, mixed, data, windows } = request;
  const texts = [brief(data.calibration), brief(data.heldOut)];
  const sorted = Object.entries(forms).sort(([a], [b]) => (a < b ? -1 : 1));
  const named = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  const key =
    quantiseKeys.get(request) ??
    JSON.stringify([
      ...[removed, healing, dtype, named, sorted, mixed, data.samples, data.length, texts],
      windows && digest(JSON.stringify(windows.windows)),
    ]);
  quantiseKeys.set(request, key);
  return key;
}

/** A text in keys by its digest. */
const brief = <T extends object | null>(one: T) =>
  one && 'text' in one ? { ...one, text: digest(String(one.text)) } : one;

/** Stands for a text in keys, which are stored: its length and a hash of 53 bits (cyrb53). */
function digest(text: string): string {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return `${text.length} ${(4294967296 * (2097151 & b) + (a >>> 0)).toString(16)}`;
}

/**
 * Settings that give the windows of the current curve: those of the page or, when they have
 * changed since, the windows themselves.
 */
export function curveSettings({
  score: { curve, settings },
}: {
  score: Pick<StudioState['score'], 'curve' | 'settings'>;
}): ScoreSettings {
  if (!curve || curve.settingsKey === settingsKey(settings)) return settings;
  const { windows, settings: used, device } = curve.result;
  const text: ScoreSettings['text'] = { kind: 'ids', name: used.text, windows };
  const where = inBrowser(device.kind);
  return { ...settings, text, samples: windows.length, length: used.length, device: where };
}

/**
 * Key of the plan, with its healing, under the current curve; null when there is nothing to
 * measure.
 */
export function effectKey(state: StudioState): string | null {
  const { curve } = state.score;
  const { removed, healing } = state.plan.present;
  return curve && removed.length ? planKey(curve.id, removed, healing) : null;
}

/** The same with the weights of the source. */
export function prunedKey(state: StudioState): string | null {
  const { curve } = state.score;
  const { removed } = state.plan.present;
  return curve && removed.length ? planKey(curve.id, removed) : null;
}

/** Key of a plan that was measured on the windows of a curve. */
export const planKey = (
  curveId: number,
  removed: readonly Unit[],
  healing?: string,
  quantised?: string,
) => [curveId, removed.join(','), healing, quantised && `q:${quantised}`].filter(isThere).join('|');

const isThere = (part: unknown) => part !== undefined;
