// What `width` reports: the JSON, and the numbers in words for standard error.

import { pairedInterval } from '../../analysis/bootstrap.ts';
import { pplWords } from '../../analysis/perplexity.ts';
import { gainOf, type Ratio, type Stat } from '../../analysis/speed.ts';
import type { WidthOutcome, WidthRequest, WidthResult } from '../../contract/comparison/width.ts';
import type { RecordedSettings } from '../../contract/score.ts';
import type { ComparedPoint, SpeedComparison } from '../../contract/speed.ts';
import { formatUnits } from '../../units.ts';
import type { Written } from '../export/write.ts';
import type { DepthMeasure } from './depth.ts';

/** The speed of one model at one batch size. */
interface SpeedPoint {
  throughput: Stat;
  latency: Stat;
  /** Over the original in the same rounds; null for the original. */
  gain: Ratio | null;
}

interface SpeedRow {
  batch: number;
  original: SpeedPoint | null;
  depth: SpeedPoint | null;
  width: SpeedPoint | null;
  /** Throughput of width over that of depth in the same rounds. */
  widthOverDepth: Ratio | null;
}

export interface WidthSpeeds extends Pick<SpeedComparison, 'settings' | 'arranged' | 'notes'> {
  /** With FLAP's compensation in the graph, or without one. */
  compensated: boolean;
  batches: SpeedRow[];
  /** Bytes of graph and data. */
  fileBytes: { original: number | null; depth: number | null; width: number | null };
  seconds: number;
}

/** What `width` writes. Lists of lists are by block of the original. */
export interface WidthReport {
  method: WidthOutcome['method'];
  /** Share of groups and channels, as it was asked for or as it came about. */
  ratio: number;
  amount: WidthRequest['amount'];
  multiple: number;
  /** Of FLAP. */
  flapVariance?: WidthRequest['flapVariance'];
  baseline: WidthResult['baseline'];
  groupScores: number[][];
  channelScores: number[][];
  removedGroups: number[][];
  removedChannels: number[][];
  removedWeights: number;
  totalWeights: number;
  /** Every layer loses as many groups and channels as every other. */
  equalLayers: boolean;
  nll: number;
  ppl: number | null;
  nllPerWindow: number[];
  /** With FLAP's compensation; null for other methods. */
  nllCompensated: number | null;
  pplCompensated: number | null;
  nllCompensatedPerWindow: number[] | null;
  /** Null where there is none of about as many weights, or none was asked for. */
  depth: DepthMeasure | null;
  /** NLL(width) - NLL(depth) in nats, the better of width's two, and its 95 % interval. */
  difference: { nll: number; ci95: [number, number] } | null;
  speeds: WidthSpeeds | null;
  windows: number[][];
  settings: RecordedSettings;
  device: WidthResult['device'];
  runtime: string;
  notes: string[];
  written: Pick<Written, 'out' | 'files' | 'remarks' | 'verification'> | null;
  seconds: number;
}

export interface ReportParts
  extends Pick<
    WidthReport,
    'amount' | 'multiple' | 'depth' | 'speeds' | 'windows' | 'settings' | 'runtime' | 'written'
  > {
  result: WidthResult;
  outcome: WidthOutcome;
  flapVariance: WidthRequest['flapVariance'];
  notes: readonly string[];
  seconds: number;
}

export function reportOf({ result, outcome, flapVariance, ...parts }: ReportParts): WidthReport {
  const { method, plan, measure, compensated, scores } = outcome;
  const { depth } = parts;
  const best = bestOf(outcome);
  return {
    method,
    ratio: plan.ratio,
    amount: parts.amount,
    multiple: parts.multiple,
    ...(method === 'flap' ? { flapVariance } : {}),
    baseline: result.baseline,
    groupScores: scores.map(({ groups }) => [...groups]),
    channelScores: scores.map(({ channels }) => [...channels]),
    removedGroups: plan.blocks.map(({ groups }) => [...groups]),
    removedChannels: plan.blocks.map(({ channels }) => [...channels]),
    removedWeights: outcome.removedWeights,
    totalWeights: outcome.totalWeights,
    equalLayers: outcome.equalLayers,
    nll: measure.nll,
    ppl: measure.ppl,
    nllPerWindow: measure.nllPerWindow,
    nllCompensated: compensated?.nll ?? null,
    pplCompensated: compensated?.ppl ?? null,
    nllCompensatedPerWindow: compensated?.nllPerWindow ?? null,
    depth,
    difference: depth && {
      nll: best.nll - depth.nll,
      ci95: pairedInterval(best.nllPerWindow, depth.nllPerWindow),
    },
    speeds: parts.speeds,
    windows: parts.windows,
    settings: parts.settings,
    device: result.device,
    runtime: parts.runtime,
    notes: [...new Set([...parts.notes, ...result.notes])],
    written: parts.written,
    seconds: parts.seconds,
  };
}

/** FLAP's compensation helps or does not: the better one is compared. */
function bestOf({ measure, compensated }: WidthOutcome): WidthOutcome['measure'] {
  return compensated && compensated.nll < measure.nll ? compensated : measure;
}

/** Speeds by batch size, from variants called `original`, `depth` and `width`. */
export function speedsOf(found: SpeedComparison, compensated: boolean): WidthSpeeds {
  const sideOf = (id: string) => found.sides.find((side) => side.id === id);
  const at = (id: string, batch: number): ComparedPoint | null =>
    sideOf(id)?.points.find((point) => point.batch === batch) ?? null;
  const sizes = new Set(found.sides.flatMap(({ points }) => points.map(({ batch }) => batch)));
  const rows = [...sizes].sort((a, b) => a - b);
  return {
    compensated,
    batches: rows.map((batch) => {
      const [depth, width] = [at('depth', batch), at('width', batch)];
      return {
        batch,
        original: speedPoint(at('original', batch)),
        depth: speedPoint(depth),
        width: speedPoint(width),
        widthOverDepth:
          depth && width ? gainOf(depth.rates, width.rates, found.arranged === 'all') : null,
      };
    }),
    fileBytes: {
      original: sideOf('original')?.fileBytes ?? null,
      depth: sideOf('depth')?.fileBytes ?? null,
      width: sideOf('width')?.fileBytes ?? null,
    },
    settings: found.settings,
    arranged: found.arranged,
    notes: [
      ...found.notes,
      ...found.sides.flatMap(({ id, stopped }) =>
        stopped ? [`${id} stopped at batch ${stopped.batch}: ${stopped.error.message}`] : [],
      ),
    ],
    seconds: found.seconds,
  };
}

function speedPoint(point: ComparedPoint | null): SpeedPoint | null {
  return point && { throughput: point.throughput, latency: point.latency, gain: point.gain };
}

/** In words, a line each. */
export function linesOf(report: WidthReport): string[] {
  const { method, baseline, depth, difference, removedWeights, totalWeights, speeds } = report;
  const share = (weights: number): string => `${((100 * weights) / totalWeights).toFixed(1)} %`;
  const count = (lists: readonly number[][]): number =>
    lists.reduce((sum, list) => sum + list.length, 0);
  const counted = (lists: readonly number[][], all: readonly number[][], what: string): string =>
    `${count(lists)} of ${count(all)} ${what}`;
  const compensated =
    report.nllCompensated === null
      ? ''
      : `, with the compensation ${pplWords(report.pplCompensated, 5)}`;
  const lines = [
    ...report.notes,
    `original: PPL ${pplWords(baseline.ppl, 5)}`,
    `${method}: PPL ${pplWords(report.ppl, 5)}${compensated}, without ` +
      `${counted(report.removedGroups, report.groupScores, 'key-value groups')} and ` +
      `${counted(report.removedChannels, report.channelScores, 'channels')} ` +
      `(${removedWeights} weights, ${share(removedWeights)})`,
  ];
  if (depth && difference) {
    const [low, high] = difference.ci95;
    lines.push(
      `without ${formatUnits(depth.removed)}: PPL ${pplWords(depth.ppl, 5)} ` +
        `(${depth.removedWeights} weights, ${share(depth.removedWeights)})`,
      `NLL of width minus that of depth: ${difference.nll.toFixed(3)} nats ` +
        `(${low.toFixed(3)} to ${high.toFixed(3)})${within(low, high, 0)}`,
    );
  }
  return speeds ? [...lines, ...speedLines(speeds)] : lines;
}

const within = (low: number, high: number, none: number): string =>
  low <= none && high >= none ? ', which may be chance' : '';

function speedLines({ batches, notes }: WidthSpeeds): string[] {
  const rate = (point: SpeedPoint | null): string =>
    point ? point.throughput.mean.toFixed(1) : 'none';
  const times = (gain: Ratio | null | undefined): string =>
    gain
      ? ` (${gain.ratio.toFixed(2)} x, ${gain.ci95[0].toFixed(2)} to ${gain.ci95[1].toFixed(2)})`
      : '';
  return [
    ...notes,
    ...batches.map(
      ({ batch, original, depth, width, widthOverDepth: over }) =>
        `batch ${batch}: ${rate(original)} tokens/s, ` +
        `${depth ? `depth ${rate(depth)}${times(depth.gain)}, ` : ''}` +
        `width ${rate(width)}${times(width?.gain)}` +
        `${over ? `; width over depth ${times(over).trim()}${within(...over.ci95, 1)}` : ''}`,
    ),
  ];
}
