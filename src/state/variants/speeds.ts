// The measured speeds of a session, by plan, brought onto one original so that they can be held
// against each other. Pure.

import type { Gain, SpeedSettings, VariantMeasure } from '../../contract/speed.ts';
import type { Unit } from '../../units.ts';
import { deviceName } from '../device/selectors.ts';
import { isResultKey } from '../quantise/written.ts';
import { protocolWords } from '../speed/settings.ts';
import type { Measured } from '../speed/state.ts';
import { variantKey } from './names.ts';

/** The speed of a plan or, with an empty plan, of the original. */
export interface Speed {
  removed: readonly Unit[];
  measure: VariantMeasure;
  settings: SpeedSettings;
  gain: Gain | null;
  /** The original that it was paired with. */
  original: VariantMeasure | null;
  /** How it was measured, in words. */
  way: string;
}

/**
 * The newest speed of every plan in the source's precision, and by its quantisation; and the newest
 * original of every way to measure; both newest last.
 */
export function speedsOf(known: Iterable<Measured>) {
  const plans = new Map<string, Speed>();
  const originals = new Map<string, Speed>();
  for (const { removed, healing, dtype, quantised, result } of known) {
    const { original, pruned, settings, gain } = result;
    if (original) {
      const way = wayOf(original, settings, true);
      originals.delete(way);
      originals.set(way, { removed: [], measure: original, settings, gain: null, original, way });
    }
    // By settings that nothing was measured of, or in float16, it is no row.
    const id = quantised !== undefined && isResultKey(quantised) ? quantised : undefined;
    if (!pruned || (dtype !== undefined && id === undefined)) continue;
    if (removed.length === 0 && id === undefined) continue;
    const key = variantKey(removed, healing, id);
    plans.delete(key);
    plans.set(key, {
      removed,
      measure: pruned,
      settings,
      gain,
      original,
      way: wayOf(pruned, settings, gain !== null),
    });
  }
  return { plans, originals };
}

/** The way that most share; of equals the one that was used last. */
export function commonest(ways: Iterable<string>): string | null {
  const counts = new Map<string, number>();
  for (const way of ways) {
    const count = (counts.get(way) ?? 0) + 1;
    counts.delete(way);
    counts.set(way, count);
  }
  let best: string | null = null;
  for (const [way, count] of counts)
    if (best === null || count >= (counts.get(best) ?? 0)) best = way;
  return best;
}

/**
 * Speeds of a variant as they would be beside one original: each times what that original does to
 * the one it was paired with. Absolute speeds of different minutes contradict each other; these do
 * not.
 */
export interface Rebased {
  /**
   * The gain times the throughput of the original, tokens/s; with the ends of the gain's interval.
   */
  throughput: number;
  ends: readonly [number, number];
  /** Tokens/s; null where it is unknown. */
  decode: number | null;
  /** Seconds. */
  ttft: number;
}

export function rebase(speed: Speed, base: VariantMeasure | undefined): Rebased | null {
  const { removed, measure, gain, original } = speed;
  const { throughput, decode, ttft } = measure.speed;
  if (removed.length === 0) {
    // The range of its runs.
    const { mean, min, max } = throughput;
    return { throughput: mean, ends: [min, max], decode: decode?.mean ?? null, ttft: ttft.mean };
  }
  if (!gain || !original || !base) return null;
  const one = base.speed;
  const was = original.speed;
  return {
    throughput: gain.ratio * one.throughput.mean,
    ends: [gain.ci95[0] * one.throughput.mean, gain.ci95[1] * one.throughput.mean],
    decode:
      decode && one.decode && was.decode ? (decode.mean / was.decode.mean) * one.decode.mean : null,
    ttft: (ttft.mean / was.ttft.mean) * one.ttft.mean,
  };
}

/**
 * How a speed was measured. Only speeds of one protocol on one device can be held against each
 * other, and only gains against gains.
 */
export function wayOf(
  { info }: VariantMeasure,
  settings: SpeedSettings,
  isPaired: boolean,
): string {
  const alone = isPaired ? '' : ', without the original';
  return `${protocolWords(settings)}, on ${deviceName(info.device)}${alone}`;
}
