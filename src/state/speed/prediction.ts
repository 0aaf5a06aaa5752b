// Throughput predicted from what was measured: latency = a + b * blocks over measurements with the
// same settings on the same device, each relative to the original that it was paired with. Must
// never stand in for a measurement.

import { fitLatency, type LatencyFit, predictSeconds } from '../../analysis/speed.ts';
import type { SpeedSettings, VariantMeasure } from '../../contract/speed.ts';
import { sublayerUnits, type Unit } from '../../units.ts';
import type { Measured } from './state.ts';

export interface Prediction {
  /** The gain times the speed of the original. */
  tokensPerSecond: number;
  /** Over the original. */
  gain: number;
  /** Number of blocks that it is for. */
  blocks: number;
  fit: LatencyFit;
}

/** Tokens of all rows that a run makes. */
const made = ({ batch, tokens }: SpeedSettings) => batch * tokens;

/** Where the numbers of a measurement come from: only equal ones make a line. */
function placeOf({ info }: VariantMeasure, settings: SpeedSettings): string {
  const { prompt, promptTokens, tokens, batch, graphCapture } = settings;
  return JSON.stringify([
    info.device,
    info.runtime,
    info.cache,
    prompt,
    promptTokens,
    tokens,
    batch,
    graphCapture,
  ]);
}

/** The line is over whole blocks: it says nothing of sublayers. */
export const isPredictable = (removed: readonly Unit[]): boolean =>
  sublayerUnits(removed).length === 0;

/** Either side of a measurement; the original first. */
export function sides({ result }: Measured): VariantMeasure[] {
  return [result.original, result.pruned].filter((side) => side !== null);
}

/**
 * No block makes up for time that the others take: a line that would be below zero without blocks
 * is noise, and would promise gains above original blocks / pruned blocks.
 */
function throughZero(
  line: LatencyFit,
  points: readonly { blocks: number; seconds: number }[],
): LatencyFit {
  const sum = (of: (point: { blocks: number; seconds: number }) => number) =>
    points.reduce((total, point) => total + of(point), 0);
  const b = sum(({ blocks, seconds }) => blocks * seconds) / sum(({ blocks }) => blocks ** 2);
  return { ...line, a: 0, b };
}

/**
 * The speed of a model of `blocks` blocks by the line through `known`, where `like` says which
 * settings and device. The points are paired gains on one original, so that a machine that was
 * slower for a while does not bend the line. Runs of warm-up and repeats may differ: they change
 * the noise, not the mean. Null while fewer than two sizes are known.
 */
export function predict(
  known: Iterable<Measured>,
  like: Measured,
  blocks: number,
): Prediction | null {
  const settings = like.result.settings;
  const place = sides(like)[0];
  if (!place) return null;
  const wanted = placeOf(place, settings);
  const isThere = (side: VariantMeasure | null, one: Measured): side is VariantMeasure =>
    side !== null && placeOf(side, one.result.settings) === wanted;
  const all = [...known].filter((one) => isThere(one.result.original, one));
  const base = (like.result.original ?? all.at(-1)?.result.original)?.speed.throughput.mean;
  if (base === undefined) return null;
  const points: { blocks: number; seconds: number }[] = [];
  // The mean throughput as a latency, so that prediction and measurement are of the same mean.
  const add = (side: VariantMeasure, gain: number) =>
    points.push({ blocks: side.info.numBlocks, seconds: made(settings) / (base * gain) });
  for (const one of all) {
    const { original, pruned, gain } = one.result;
    if (original) add(original, 1);
    if (gain && one.dtype === undefined && isPredictable(one.removed) && isThere(pruned, one))
      add(pruned, gain.ratio);
  }
  const line = fitLatency(points);
  if (!line) return null;
  const fit = line.a < 0 ? throughZero(line, points) : line;
  const seconds = predictSeconds(fit, blocks);
  if (seconds === null) return null;
  const tokensPerSecond = made(settings) / seconds;
  return { tokensPerSecond, gain: tokensPerSecond / base, blocks, fit };
}
