// The importance curves over blocks and over sublayers, with their events.

import { hasFiniteStates } from '../../analysis/criteriaTable.ts';
import { hasNumbers, measureWindows } from '../../analysis/perplexity.ts';
import { removalOrder } from '../../analysis/ranking.ts';
import type { HiddenCriteria } from '../../contract/criteria.ts';
import type { Progress } from '../../contract/progress.ts';
import type {
  BlockScore,
  Measure,
  ScoreEvent,
  SublayerScore,
  SublayersEvent,
} from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import type { SublayerUnit } from '../../units.ts';
import { readLeaveOutBody } from '../checkpoint/body.ts';
import type { CheckpointWriter } from '../checkpoint/writer.ts';
import { HiddenAccumulator } from '../criteria/influence.ts';
import type { StatesByCut } from '../pass/hidden.ts';
import { whyNoNumbers, whyNoStates } from '../pass/notFinite.ts';
import {
  type Ablation,
  blockCandidates,
  sequenceOf,
  sublayerCandidates,
} from '../pass/schedule.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';
import type { MemoryPlan } from '../weights/memory.ts';
import { type LeaveOutJob, leaveOut } from './leaveOut.ts';
import { blockScore, sublayerScore, WindowResults } from './measures.ts';

/** What scoring found, before the worker adds settings and device. */
export interface Curve {
  baseline: Measure;
  blocks: BlockScore[];
  /**
   * Block indices, least important first; refused blocks are left out. Empty where the baseline is
   * not finite.
   */
  order: number[];
  /** Why the baseline or the hidden states are not finite, in a sentence; absent when they are. */
  warnings?: string[];
  /** Absent where a resumed run had lost some of the states. */
  hidden?: HiddenCriteria;
  /** The runs alone: their seconds, and the block evaluations of all windows among them. */
  pass: { seconds: number; blockRuns: number };
  seconds: number;
  /** Wall time of the pass against the ideal of the same block and head times; 1 = no overhead. */
  costRatio: number | null;
}

/** What scoring the sublayers found. */
export interface SublayersCurve {
  baseline: Measure;
  /** By block, attention first; blocks whose sublayers cannot be separated are missing. */
  parts: SublayerScore[];
  /** Least important first; empty where the baseline is not finite. */
  order: SublayerUnit[];
  /** As those of `Curve`. */
  warnings?: string[];
  seconds: number;
  costRatio: number | null;
}

export interface CurveJob {
  context: ScoringContext;
  plan: MemoryPlan;
  /** Filled with the states of the original; the caller owns them. */
  original: StatesByCut;
  /** Writes the checkpoints of the job; null where there are none. */
  writer: CheckpointWriter | null;
  signal: AbortSignal | undefined;
}

/**
 * The curve over blocks. What an interrupted run has measured is reported again at once.
 * @param unremovable per block, why it cannot be left out, or null
 * @throws EspalierError `cancelled`, `device-lost`, `out-of-memory`.
 */
export async function measureCurve(
  job: CurveJob,
  unremovable: readonly (string | null)[],
  onEvent: (event: ScoreEvent) => void,
): Promise<Omit<Curve, 'seconds'>> {
  const blocks: BlockScore[] = [];
  const push = (block: BlockScore): void => {
    blocks.push(block);
    onEvent({ type: 'block', block });
  };
  const points = new CurvePoints(
    (baseline) => onEvent({ type: 'baseline', baseline }),
    (ablation, nll, baseline) => push(blockScore(Number(ablation), nll, baseline)),
  );
  const { context } = job;
  const sequence = sequenceOf(unremovable.length);
  const found = await leaveOut({
    ...(await leaveOutJob(job, sequence, points)),
    candidates: blockCandidates(sequence, (block) => !unremovable[block]),
    baseline: true,
    hidden: new HiddenAccumulator(unremovable.length, context.chain.programs.hiddenSize),
    onProgress: (done, total, secondsLeft) =>
      onEvent({ type: 'progress', progress: progressOf('score', done, total, secondsLeft) }),
  });
  const baseline = points.baseline();
  // A block that cannot be left out gets the reason, and the baseline's numbers as placeholders.
  for (const [index, refused] of unremovable.entries())
    if (refused) push({ ...blockScore(index, baseline.nllPerWindow, baseline), refused });
  blocks.sort((a, b) => a.index - b.index);
  return {
    baseline,
    blocks,
    order: hasNumbers(baseline) ? removalOrder(blocks) : [],
    ...(await warningsOf(job, baseline, found.hidden)),
    pass: { seconds: found.seconds, blockRuns: found.blockRuns },
    costRatio: ratio(found),
    ...(found.hidden ? { hidden: found.hidden } : {}),
  };
}

/** What makes a curve worthless: numbers of the intact model that are none. */
async function warningsOf(
  { context, signal }: CurveJob,
  { nll, nllPerWindow }: Measure,
  hidden: HiddenCriteria | null,
): Promise<{ warnings?: string[] }> {
  const { windows } = context;
  let why: string | null = null;
  if (!hasNumbers({ nll }))
    why = await whyNoNumbers(context, windows, nllPerWindow, 'the order means nothing', signal);
  else if (hidden && !hasFiniteStates(hidden))
    why = await whyNoStates(context, windows, NO_HIDDEN, signal);
  return why === null ? {} : { warnings: [why] };
}

/** What follows from hidden states that are not finite. */
export const NO_HIDDEN = 'Block Influence and angular distance rank nothing';

/**
 * The curve over the sublayers that are `removable` alone, 2N at most. `known` = the baseline of a
 * curve on the same windows.
 * @throws EspalierError as `measureCurve`.
 */
export async function measureSublayers(
  job: CurveJob,
  numBlocks: number,
  removable: readonly SublayerUnit[],
  known: Measure | null,
  onEvent: (event: SublayersEvent) => void,
): Promise<Omit<SublayersCurve, 'seconds'>> {
  const parts: SublayerScore[] = [];
  const points = new CurvePoints(
    (baseline) => onEvent({ type: 'baseline', baseline }),
    (ablation, nll, baseline) => {
      const part = sublayerScore(ablation as SublayerUnit, nll, baseline);
      parts.push(part);
      onEvent({ type: 'part', part });
    },
  );
  const sequence = sequenceOf(numBlocks);
  const candidates = sublayerCandidates(sequence, (unit) => removable.includes(unit));
  const base = await leaveOutJob(job, sequence, points);
  if (known) base.results.add('original', 0, known.nllPerWindow);
  const found = await leaveOut({
    ...base,
    candidates,
    baseline: true,
    hidden: null,
    onProgress: (done, total, secondsLeft) =>
      onEvent({ type: 'progress', progress: progressOf('parts', done, total, secondsLeft) }),
  });
  const rank = new Map(candidates.map(({ unit }, k) => [unit, k]));
  parts.sort((a, b) => (rank.get(a.unit) ?? 0) - (rank.get(b.unit) ?? 0));
  const baseline = points.baseline();
  const order = [...(hasNumbers(baseline) ? parts : [])]
    .sort((a, b) => (a.nll === b.nll ? 0 : a.nll - b.nll))
    .map(({ unit }) => unit);
  const warnings = await warningsOf(job, baseline, null);
  return { baseline, parts, order, ...warnings, costRatio: ratio(found) };
}

/**
 * The criteria of the hidden states alone: states that are held are read, the others computed.
 * @throws EspalierError as `measureCurve`.
 */
export async function measureHidden(
  job: CurveJob,
  numBlocks: number,
  onProgress: (progress: Progress) => void,
): Promise<HiddenCriteria> {
  const sequence = sequenceOf(numBlocks);
  const { plan } = job;
  const found = await leaveOut({
    ...(await leaveOutJob(
      job,
      sequence,
      new CurvePoints(
        () => {},
        () => {},
      ),
    )),
    plan: { ...plan, group: plan.planGroup },
    candidates: [],
    baseline: false,
    hidden: new HiddenAccumulator(numBlocks, job.context.chain.programs.hiddenSize),
    onProgress: (done, total, secondsLeft) =>
      onProgress(progressOf('criteria', done, total, secondsLeft)),
  });
  if (!found.hidden) throw new EspalierError('bug', 'The pass gave no criteria.');
  return found.hidden;
}

type Base = Pick<
  LeaveOutJob,
  'context' | 'plan' | 'sequence' | 'original' | 'results' | 'resume' | 'signal' | 'checkpoint'
>;

/** What the curves have in common, with what an interrupted run left. */
async function leaveOutJob(
  { context, plan, original, writer, signal }: CurveJob,
  sequence: LeaveOutJob['sequence'],
  points: CurvePoints,
): Promise<Base> {
  const results = new WindowResults(context.windows.length, (ablation, nll) =>
    points.add(ablation, nll),
  );
  const saved = await writer?.load();
  const resume = saved
    ? readLeaveOutBody(saved.body, { sequence, windowBytes: context.stateBytes() })
    : null;
  return { context, plan, sequence, original, results, resume, signal, checkpoint: writer };
}

function progressOf(
  job: string,
  done: number,
  total: number,
  secondsLeft: number | null,
): Progress {
  return { job, phase: 'score', done, total, unit: 'blocks', secondsLeft };
}

function ratio({
  seconds,
  idealSeconds,
}: {
  seconds: number;
  idealSeconds: number | null;
}): number | null {
  return idealSeconds ? seconds / idealSeconds : null;
}

/** Reports complete results as they come, always the baseline first. */
class CurvePoints {
  private original: Measure | null = null;
  private early: [Ablation, number[]][] = [];
  private readonly onBaseline: (baseline: Measure) => void;
  private readonly onPoint: (ablation: Ablation, nll: number[], baseline: Measure) => void;

  constructor(
    onBaseline: (baseline: Measure) => void,
    onPoint: (ablation: Ablation, nll: number[], baseline: Measure) => void,
  ) {
    this.onBaseline = onBaseline;
    this.onPoint = onPoint;
  }

  add(ablation: Ablation, nll: number[]): void {
    if (ablation === 'original') {
      this.original = measureWindows(nll);
      this.onBaseline(this.original);
      for (const [unit, values] of this.early) this.onPoint(unit, values, this.original);
      this.early = [];
    } else if (this.original) this.onPoint(ablation, nll, this.original);
    else this.early.push([ablation, nll]);
  }

  baseline(): Measure {
    if (!this.original) throw new EspalierError('bug', 'The pass gave no baseline.');
    return this.original;
  }
}
