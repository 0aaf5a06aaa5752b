// Where the bars of a loss in its parts begin and end. Numbers only.

import { type LossStage, lossParts } from '../../../model/quantise/lossParts.ts';
import type { QuantisedMeasure } from '../../../model/quantise/quantisation.ts';

export interface LossBar {
  stage: LossStage;
  /** Above the NLL of the original, in nats per token: before this stage and after it. */
  from: number;
  to: number;
}

/** A bar for each stage that this measure has, in their order. */
export function lossBars(measure: QuantisedMeasure): LossBar[] {
  const { nll } = measure.original;
  return lossParts(measure).map(({ stage, part, before }) => {
    return { stage, from: before - nll, to: part.nll - nll };
  });
}

/** The axis of several such losses: the original at 0, and room for what lies below it. */
export function lossRange(losses: readonly (readonly LossBar[])[]): { low: number; high: number } {
  const ends = losses.flat().flatMap(({ from, to }) => [from, to]);
  const known = [0, ...ends].filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = Math.max(0.04 * (high - low), 1e-6);
  return { low: low < 0 ? low - room : 0, high: high + room };
}

/** Height of the bar of a stage, of the title of a text, and of the axis, in px. */
export const HEIGHTS = { row: 20, title: 20, gap: 6, axis: 36 } as const;

/** Height of the losses of one text. */
export const lossHeight = (parts: readonly LossBar[]): number =>
  HEIGHTS.title + parts.length * HEIGHTS.row + HEIGHTS.gap;

/** Height of the chart, which is known before it is drawn. */
export const lossChartHeight = (measured: readonly QuantisedMeasure[]): number =>
  measured.reduce<number>((sum, one) => sum + lossHeight(lossBars(one)), HEIGHTS.axis);
