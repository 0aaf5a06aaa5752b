// Measurements of one plan that contradict each other: which of them count.

import { APART, relativeError, summarise } from '../../analysis/speed.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { pooled } from '../speed/pooled.ts';
import type { Measured } from '../speed/state.ts';

export const isApart = (a: number, b: number): boolean => Math.abs(relativeError(a, b)) > APART;

/** The gain of each measurement that is pooled in this one, oldest first. */
export function gainsOf({ gains, result: { gain } }: Measured): number[] {
  if (gains) return gains.map(({ ratio }) => ratio);
  return gain ? [gain.ratio] : [];
}

/** One of the measurements that are pooled, alone. */
function alone(one: Measured, at: number): Measured {
  const { gains, result, ...rest } = one;
  const count = gains?.length ?? 1;
  const own = <T>(all: readonly T[]): T[] => {
    const each = all.length / count;
    return all.slice(at * each, (at + 1) * each);
  };
  const part = (side: VariantMeasure | null) => {
    if (!side) return null;
    const samples = own(side.samples);
    return { ...side, samples, speed: summarise(samples), loads: own(side.loads) };
  };
  const gain = gains?.[at] ?? result.gain;
  const seconds = result.seconds / count;
  return {
    ...rest,
    result: {
      ...result,
      original: part(result.original),
      pruned: part(result.pruned),
      gain,
      seconds,
    },
  };
}

/**
 * Of three or more measurements of which some are far apart, the two that agree best with the one
 * in the middle; else all.
 */
export function withoutOdd(one: Measured): { used: Measured; left: number } {
  const ratios = gainsOf(one);
  const { original, settings } = one.result;
  const isWhole = original?.samples.length === ratios.length * settings.runs;
  const all = { used: one, left: 0 };
  if (ratios.length < 3 || !isWhole) return all;
  if (!isApart(Math.max(...ratios), Math.min(...ratios))) return all;
  const middle = [...ratios].sort((a, b) => a - b)[ratios.length >> 1]!;
  const distance = (at: number) => Math.abs(Math.log(ratios[at]! / middle));
  const [a, b] = ratios.map((_, at) => at).sort((x, y) => distance(x) - distance(y));
  const [first, second] = [alone(one, Math.min(a!, b!)), alone(one, Math.max(a!, b!))];
  const used = { ...second, ...pooled(first, second.result) };
  return { used, left: ratios.length - 2 };
}
