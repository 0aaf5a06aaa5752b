// The order in which leave-one-out runs blocks, sublayers and heads: pure, without tensors.

import { blockOf, type SublayerUnit, sublayerUnit, type Unit } from '../../units.ts';
import type { Stage } from '../weights/stages.ts';

/** Whose hidden states a step reads: the original's, or those of the ablation of a unit. */
export type Ablation = 'original' | Unit;

/**
 * A unit that can be left out of a sequence: its ablation leaves the original before
 * `sequence[at]`, runs `rest` in its place, and continues with `sequence[at + 1]`.
 */
export interface Candidate {
  unit: Unit;
  at: number;
  rest: readonly Unit[];
}

/**
 * Run a block or a sublayer, `at` in the sequence, on the hidden state of `ablation`; or the head
 * on its last one.
 */
export type Step =
  | { kind: 'block'; ablation: Ablation; unit: Unit; at: number }
  | { kind: 'head'; ablation: Ablation };

/** What a schedule covers. */
export interface ScheduleScope {
  /** The blocks and sublayers that run one after the other when nothing is left out. */
  sequence: readonly Unit[];
  /** In the order of the sequence. */
  candidates: readonly Candidate[];
  /** The original runs from this position ... */
  from: number;
  /** ... up to this one: the end of the sequence, or the position of the last candidate. */
  to: number;
  /** Run the head on the original. */
  baseline: boolean;
}

/** What runs in the place of a block when these units are removed: it, a sublayer, or nothing. */
export function remainderOf(block: number, removed: ReadonlySet<Unit>): Unit | null {
  if (removed.has(block)) return null;
  if (removed.has(sublayerUnit(block, 'attn'))) return sublayerUnit(block, 'ffn');
  return removed.has(sublayerUnit(block, 'ffn')) ? sublayerUnit(block, 'attn') : block;
}

/** The model without `removed`, as the sequence of what runs. */
export function sequenceOf(numBlocks: number, removed: readonly Unit[] = []): Unit[] {
  const units = new Set(removed);
  return Array.from({ length: numBlocks }, (_, block) => remainderOf(block, units)).filter(
    (unit) => unit !== null,
  );
}

/** Leaving out what remains of each block that `removable` allows. */
export function blockCandidates(
  sequence: readonly Unit[],
  removable: (block: number) => boolean,
): Candidate[] {
  return sequence.flatMap((unit, at) =>
    removable(blockOf(unit)) ? [{ unit: blockOf(unit), at, rest: [] }] : [],
  );
}

/** Leaving out the attention, then the feed-forward, of each whole block, where `removable`. */
export function sublayerCandidates(
  sequence: readonly Unit[],
  removable: (unit: SublayerUnit) => boolean,
): Candidate[] {
  return sequence.flatMap((block, at) => {
    if (typeof block !== 'number') return [];
    const [attn, ffn] = [sublayerUnit(block, 'attn'), sublayerUnit(block, 'ffn')];
    return [
      { unit: attn, at, rest: [ffn] },
      { unit: ffn, at, rest: [attn] },
    ].filter(({ unit }) => removable(unit));
  });
}

/** How far the original must run: to the end of the sequence, or to the last candidate. */
export function originalEnd(
  sequence: readonly Unit[],
  candidates: readonly Candidate[],
  whole: boolean,
): number {
  return whole ? sequence.length : Math.max(0, ...candidates.map(({ at }) => at));
}

/**
 * All weights are on the device: the original first, then each ablation to its end, the last
 * candidate first. The baseline is known after one forward pass, and a point of the curve after
 * each ablation. N(N + 1)/2 block evaluations for N blocks, like the breadth-first order.
 */
export function residentSchedule({
  sequence,
  candidates,
  from,
  to,
  baseline,
}: ScheduleScope): Step[] {
  const steps: Step[] = [];
  for (let at = from; at < to; at++)
    steps.push({ kind: 'block', ablation: 'original', unit: sequence[at]!, at });
  if (baseline) steps.push({ kind: 'head', ablation: 'original' });
  for (const { unit: ablation, at, rest } of [...candidates].reverse()) {
    for (const unit of rest) steps.push({ kind: 'block', ablation, unit, at });
    for (let k = at + 1; k < sequence.length; k++)
      steps.push({ kind: 'block', ablation, unit: sequence[k]!, at: k });
    steps.push({ kind: 'head', ablation });
  }
  return steps;
}

/**
 * Weights do not fit: breadth-first, so that the weights of each block are loaded once; all points
 * of the curve come at the end.
 */
export function streamedSchedule({
  sequence,
  candidates,
  from,
  to,
  baseline,
}: ScheduleScope): Step[] {
  const steps: Step[] = [];
  const alive: Unit[] = [];
  for (const [at, unit] of sequence.entries()) {
    if (at >= from && at < to) steps.push({ kind: 'block', ablation: 'original', unit, at });
    for (const ablation of alive) steps.push({ kind: 'block', ablation, unit, at });
    for (const candidate of candidates) {
      if (candidate.at !== at) continue;
      for (const own of candidate.rest)
        steps.push({ kind: 'block', ablation: candidate.unit, unit: own, at });
      alive.push(candidate.unit);
    }
  }
  if (baseline) steps.push({ kind: 'head', ablation: 'original' });
  for (const ablation of alive) steps.push({ kind: 'head', ablation });
  return steps;
}

/** The stage whose weights a step needs. */
export function stageOf(step: Step): Stage {
  return step.kind === 'head' ? 'head' : blockOf(step.unit);
}

export function countBlockRuns(steps: readonly Step[]): number {
  return steps.filter((step) => step.kind === 'block').length;
}
