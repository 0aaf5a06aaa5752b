// Several measurements of one plan as one: the runs of all, and the gain over all rounds.

import { gainOf, summarise, throughputOf } from '../../analysis/speed.ts';
import type { MeasureResult, VariantMeasure } from '../../contract/speed.ts';
import type { Measured } from '../speed/state.ts';

/** How often a plan was measured for these numbers. */
export function readings({ result: { original, settings } }: Measured): number {
  return original ? Math.max(1, Math.round(original.samples.length / settings.runs)) : 0;
}

function both(a: VariantMeasure | null, b: VariantMeasure | null): VariantMeasure | null {
  if (!a || !b) return b ?? a;
  const samples = [...a.samples, ...b.samples];
  return {
    ...b,
    samples,
    speed: summarise(samples),
    loads: [...a.loads, ...b.loads],
    deviceBytes: Math.max(a.deviceBytes, b.deviceBytes),
  };
}

/** @param next a measurement of the same plan with the same settings, which came later */
export function pooled(before: Measured, next: Measured): Measured {
  const [a, b] = [before.result, next.result];
  const original = both(a.original, b.original);
  const pruned = both(a.pruned, b.pruned);
  const interleaved = a.interleaved === 'runs' ? b.interleaved : a.interleaved;
  const gain =
    original && pruned
      ? gainOf(
          original.samples.map(throughputOf),
          pruned.samples.map(throughputOf),
          interleaved === 'runs',
        )
      : null;
  const runs = original?.samples.length ?? 0;
  const notes = [...new Set([...a.notes, ...b.notes])].filter((note) => !POOLED.test(note));
  const result: MeasureResult = {
    ...b,
    original,
    pruned,
    gain,
    interleaved,
    notes: [
      ...notes,
      `Pooled over ${runs} runs of ${readings({ ...next, result: { ...b, original } })} measurements.`,
    ],
    seconds: a.seconds + b.seconds,
  };
  return { ...next, result, predicted: before.predicted };
}

const POOLED = /^Pooled over/;
