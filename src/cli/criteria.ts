// The criteria beside perplexity as `score` reports them, and what people read of any of them; must
// not open models or files.

import { type BlockWindow, bestWindow, criterionOrder } from '../analysis/criteria.ts';
import type { HiddenCriteria } from '../contract/criteria.ts';
import type { Measure, ScoreResult, SublayersResult } from '../contract/score.ts';
import { measureMagnitudes } from '../model/criteria/magnitude.ts';
import type { OpenedModel } from '../model/open/open.ts';
import { showProgress } from './output.ts';

/** Scores of whole blocks by a criterion other than perplexity; low = safe to remove. */
export interface CriterionReport {
  criterion: 'mag-l1' | 'mag-l2' | 'block-influence' | 'angular';
  /** With `contiguous` n above 1: of the n blocks from each block on, N - n + 1 of them. */
  scores: number[];
  /**
   * Blocks (with `contiguous` above 1 the first block of each window), lowest score first; those
   * that cannot be removed are missing.
   */
  order: number[];
  seconds: number;
  /** Of magnitudes: whether the norm vectors count. */
  norms?: boolean;
  bytesRead?: number;
  /** Of angular distance. */
  contiguous?: number;
  best?: BlockWindow | null;
}

/** @throws EspalierError as `measureMagnitudes` */
export async function scoreMagnitude(
  opened: OpenedModel,
  power: 'l1' | 'l2',
  norms: boolean,
  seconds: () => number,
): Promise<CriterionReport> {
  const found = await measureMagnitudes(opened, {
    onBytes: (done, total) => {
      const secondsLeft = (seconds() / done) * (total - done);
      showProgress({ job: 'magnitudes', phase: 'read', done, total, unit: 'bytes', secondsLeft });
    },
  });
  const scores = found[norms ? (`${power}WithNorms` as const) : power];
  const order = criterionOrder(scores, fixed(opened));
  return {
    criterion: `mag-${power}`,
    norms,
    scores,
    order,
    bytesRead: found.bytesRead,
    seconds: seconds(),
  };
}

export function influenceOf(
  opened: OpenedModel,
  { blockInfluence }: HiddenCriteria,
): Omit<CriterionReport, 'seconds'> {
  return {
    criterion: 'block-influence',
    scores: blockInfluence,
    order: criterionOrder(blockInfluence, fixed(opened)),
  };
}

export function angularOf(
  opened: OpenedModel,
  { angular }: HiddenCriteria,
  contiguous: number,
): Omit<CriterionReport, 'seconds'> {
  const scores = angular[contiguous - 1] ?? [];
  const stays = fixed(opened);
  const blocked = [...scores.keys()].filter((first) =>
    stays.some((block) => block >= first && block < first + contiguous),
  );
  return {
    criterion: 'angular',
    contiguous,
    scores,
    order: criterionOrder(scores, blocked),
    best: bestWindow(angular, contiguous, stays),
  };
}

/** Blocks that cannot be removed. */
function fixed({ structure }: OpenedModel): number[] {
  return structure.blocks
    .filter(({ unremovable }) => unremovable !== null)
    .map(({ index }) => index);
}

const perplexity = ({ ppl }: Measure): string =>
  ppl === null ? 'off the scale' : ppl.toPrecision(5);
const windowsOf = ({ windows, device }: Pick<ScoreResult, 'windows' | 'device'>): string =>
  `${windows.length} windows of ${windows[0]?.length ?? 0} tokens on ${device.name}`;

export function curveLines(
  report: ScoreResult & { plan?: Measure & { removed: readonly unknown[] } },
): string[] {
  const { baseline, order, plan } = report;
  const lines = [
    `PPL ${perplexity(baseline)}, ${windowsOf(report)}`,
    `remove first: ${order.join(', ')}`,
  ];
  return plan ? [...lines, `PPL ${perplexity(plan)} without ${plan.removed.join(', ')}`] : lines;
}

export function sublayersLines(report: SublayersResult): string[] {
  return [
    `PPL ${perplexity(report.baseline)}, ${windowsOf(report)}`,
    `remove first: ${report.order.join(', ')}`,
  ];
}

export function criterionLines({
  criterion,
  order,
  scores,
  contiguous = 1,
  best,
  norms,
  bytesRead,
}: CriterionReport): string[] {
  const of =
    bytesRead === undefined
      ? ''
      : ` over linear matrices${norms ? ' and norm vectors' : ''}, ` +
        `${(bytesRead / 1e6).toFixed(1)} MB read`;
  const lines = [
    `${criterion}${of}: ${(scores[order[0] ?? 0] ?? Number.NaN).toPrecision(5)} at the lowest`,
  ];
  if (contiguous === 1) return [...lines, `remove first: ${order.join(', ')}`];
  const last = best ? best.first + best.count - 1 : 0;
  return [
    ...lines,
    best
      ? `best ${contiguous} contiguous blocks: ${best.first} to ${last}`
      : `no ${contiguous} contiguous blocks can go`,
  ];
}
