// Repeated measurements of one plan as one: their runs are pooled, and the gain of each is kept.

import { gainOf, summarise, throughputOf } from '../../analysis/speed.ts';
import type { Gain, MeasureResult, VariantMeasure } from '../../contract/speed.ts';
import type { Measured } from './state.ts';

/** True when the runs of two measurements are of the same thing. */
function isSame(a: VariantMeasure, b: VariantMeasure): boolean {
  return (
    a.info.device.kind === b.info.device.kind &&
    a.info.device.name === b.info.device.name &&
    a.info.runtime === b.info.runtime &&
    a.info.cache === b.info.cache
  );
}

function together(before: VariantMeasure, after: VariantMeasure): VariantMeasure {
  const samples = [...before.samples, ...after.samples];
  return {
    ...after,
    samples,
    speed: summarise(samples),
    loads: [...before.loads, ...after.loads],
    deviceBytes: Math.max(before.deviceBytes, after.deviceBytes),
  };
}

const rates = ({ samples }: VariantMeasure): number[] => samples.map(throughputOf);

/**
 * Rounds of one measurement are more alike than those of several: the interval over all rounds is
 * widened to contain the gain of each measurement.
 */
function spannedBy(gain: Gain, gains: readonly Gain[]): Gain {
  const ratios = gains.map(({ ratio }) => ratio);
  const low = Math.min(gain.ci95[0], ...ratios);
  const high = Math.max(gain.ci95[1], ...ratios);
  return { ...gain, ci95: [low, high], noise: gain.noise || (low <= 1 && high >= 1) };
}

/**
 * The new result together with the measurements of the same key before it. Only complete ones of
 * the same device and runtime are pooled; else the new one stands alone. Runs stay paired by round,
 * so that what slows one measurement as a whole still cancels.
 */
export function pooled(
  before: Measured | undefined,
  result: MeasureResult,
): { result: MeasureResult; gains?: readonly Gain[] } {
  const a = before?.result;
  if (!a?.original || !a.pruned || !a.gain) return { result };
  if (!result.original || !result.pruned || !result.gain) return { result };
  if (!isSame(a.original, result.original) || !isSame(a.pruned, result.pruned)) return { result };
  const original = together(a.original, result.original);
  const pruned = together(a.pruned, result.pruned);
  const byRound = a.interleaved === 'runs' && result.interleaved === 'runs';
  const gains = [...(before?.gains ?? [a.gain]), result.gain];
  return {
    gains,
    result: {
      ...result,
      original,
      pruned,
      gain: spannedBy(gainOf(rates(original), rates(pruned), byRound), gains),
      interleaved: byRound ? 'runs' : 'rounds',
      seconds: a.seconds + result.seconds,
    },
  };
}
