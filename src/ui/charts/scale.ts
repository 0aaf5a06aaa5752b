// The perplexity axis of the charts: its range and its ticks, on a log scale (linear in NLL).

import { chartScale } from '../../analysis/scales.ts';
import { formatPpl } from '../format.ts';
import { Y_AXIS } from './axis.ts';

/** The NLL range of the axis, in nats; what lies above `high` is marked off the scale. */
export interface Scale {
  low: number;
  high: number;
}

/**
 * @param baseline NLL of the original model, or null while unknown
 * @param values NLLs of the blocks, in nats
 */
export function scaleOf(baseline: number | null, values: readonly number[]): Scale {
  const floor = baseline ?? Math.min(...values.filter(Number.isFinite));
  if (!Number.isFinite(floor)) return { low: 0, high: 1 };
  const [low, high] =
    floor < HOPELESS ? chartScale(floor, values).domain.map(Math.log) : everything(floor, values);
  // Room below for the label of the baseline.
  return { low: low! - 0.06 * (high! - low!), high: high! };
}

/**
 * From this NLL on (a perplexity of a million) the original itself is off any usual scale: random
 * weights, the wrong tokenizer.
 */
const HOPELESS = Math.log(1e6);

function everything(floor: number, values: readonly number[]): [number, number] {
  const shown = [floor, ...values.filter(Number.isFinite)];
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  const room = Math.max(0.08 * (high - low), 0.01);
  return [low - room, high + room];
}

/**
 * Round perplexities within the scale: even steps on a short axis, 1-2-5 per decade on a long one.
 */
export function ticksOf({ low, high }: Scale): number[] {
  const from = Math.exp(low);
  const to = Math.exp(Math.min(high, 700));
  if (to / from > 8) {
    const ticks: number[] = [];
    for (let decade = 10 ** Math.floor(Math.log10(from)); decade <= to; decade *= 10) {
      for (const step of to / from > 1e4 ? [1] : [1, 2, 5])
        if (decade * step >= from && decade * step <= to) ticks.push(decade * step);
    }
    const every = Math.ceil(ticks.length / 8);
    return ticks.filter((_, i) => i % every === 0);
  }
  return roundTicks(from, to);
}

/** Even steps of 1, 2 or 5 times a power of ten between two values: about six. */
export function roundTicks(from: number, to: number): number[] {
  const rough = (to - from) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const ticks: number[] = [];
  // Multiples: a sum of steps would miss zero by a rounding error.
  for (let k = Math.ceil(from / step); k * step <= to; k++)
    ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

/** A perplexity beside its tick. */
const formatTick = (ppl: number): string =>
  ppl >= 1e6 ? formatPpl(Math.log(ppl), 2) : ppl.toLocaleString('en');

/** What the vertical axes of perplexities have in common. */
export const pplAxis = (scale: Scale) =>
  ({
    ...Y_AXIS,
    scale: 'log',
    domain: [Math.exp(scale.low), Math.exp(scale.high)],
    ticks: ticksOf(scale),
    tickFormatter: formatTick,
    width: 58,
  }) as const;
