// The order in which leave-one-out visits blocks, parts and heads; pure, knows no tensors.

import { blockOf, sublayerUnit, type Unit } from '../../units.ts';
import type { Stage } from '../weights/stages.ts';

/** The stream that nothing is left out of, or the one without a unit. */
export type Variant = 'intact' | Unit;

/**
 * A unit to leave out of a line: its stream leaves the intact one before `line[at]`, runs `rest` in
 * its place, and goes on with `line[at + 1]`.
 */
export interface Candidate {
  unit: Unit;
  at: number;
  rest: readonly Unit[];
}

/**
 * Run a block or a part, which stands at `at` in the line, on the stream of `variant`, or the head
 * on its last state.
 */
export type Step =
  | { kind: 'block'; variant: Variant; piece: Unit; at: number }
  | { kind: 'head'; variant: Variant };

/** What a schedule covers. */
export interface Course {
  /** The blocks and parts that run one after the other when nothing is left out. */
  line: readonly Unit[];
  /** In the order of the line. */
  candidates: readonly Candidate[];
  /** The intact stream is wanted from this position ... */
  from: number;
  /** ... up to this one: the line's length for its end, or the position of the last candidate. */
  to: number;
  /** Run the head on the intact stream. */
  baseline: boolean;
}

/**
 * What is run for a block when these units are removed: the block, one of its parts, or nothing.
 */
export function pieceOf(block: number, removed: ReadonlySet<Unit>): Unit | null {
  if (removed.has(block)) return null;
  if (removed.has(sublayerUnit(block, 'attn'))) return sublayerUnit(block, 'ffn');
  return removed.has(sublayerUnit(block, 'ffn')) ? sublayerUnit(block, 'attn') : block;
}

/** The model without `removed`, as a line. */
export function lineOf(numBlocks: number, removed: readonly Unit[] = []): Unit[] {
  const gone = new Set(removed);
  return Array.from({ length: numBlocks }, (_, block) => pieceOf(block, gone)).filter(
    (piece) => piece !== null,
  );
}

/** Leaving out what is left of each block that `removable` allows. */
export function blockCandidates(
  line: readonly Unit[],
  removable: (block: number) => boolean,
): Candidate[] {
  return line.flatMap((piece, at) =>
    removable(blockOf(piece)) ? [{ unit: blockOf(piece), at, rest: [] }] : [],
  );
}

/**
 * Leaving out the attention, then the feed-forward part, of each whole block that `divisible`
 * allows.
 */
export function partCandidates(
  line: readonly Unit[],
  divisible: (block: number) => boolean,
): Candidate[] {
  return line.flatMap((block, at) => {
    if (typeof block !== 'number' || !divisible(block)) return [];
    const [attn, ffn] = [sublayerUnit(block, 'attn'), sublayerUnit(block, 'ffn')];
    return [
      { unit: attn, at, rest: [ffn] },
      { unit: ffn, at, rest: [attn] },
    ];
  });
}

/** Where the intact stream may end: at the line's end, or before the last candidate. */
export function intactEnd(
  line: readonly Unit[],
  candidates: readonly Candidate[],
  whole: boolean,
): number {
  return whole ? line.length : Math.max(0, ...candidates.map(({ at }) => at));
}

/**
 * All weights are on the device: the intact stream first, then each variant to its end, the last
 * candidate first. The baseline comes after one forward pass and a point of the curve after every
 * further stretch. N(N + 1)/2 block runs for N blocks, like the breadth-first order.
 */
export function residentSchedule({ line, candidates, from, to, baseline }: Course): Step[] {
  const steps: Step[] = [];
  for (let at = from; at < to; at++)
    steps.push({ kind: 'block', variant: 'intact', piece: line[at]!, at });
  if (baseline) steps.push({ kind: 'head', variant: 'intact' });
  for (const { unit, at, rest } of [...candidates].reverse()) {
    for (const piece of rest) steps.push({ kind: 'block', variant: unit, piece, at });
    for (let k = at + 1; k < line.length; k++)
      steps.push({ kind: 'block', variant: unit, piece: line[k]!, at: k });
    steps.push({ kind: 'head', variant: unit });
  }
  return steps;
}

/**
 * Weights do not fit: breadth-first, so that each block's weights are loaded once; all points of
 * the curve come at the end.
 */
export function streamedSchedule({ line, candidates, from, to, baseline }: Course): Step[] {
  const steps: Step[] = [];
  const alive: Unit[] = [];
  for (const [at, piece] of line.entries()) {
    if (at >= from && at < to) steps.push({ kind: 'block', variant: 'intact', piece, at });
    for (const variant of alive) steps.push({ kind: 'block', variant, piece, at });
    for (const candidate of candidates) {
      if (candidate.at !== at) continue;
      for (const own of candidate.rest)
        steps.push({ kind: 'block', variant: candidate.unit, piece: own, at });
      alive.push(candidate.unit);
    }
  }
  if (baseline) steps.push({ kind: 'head', variant: 'intact' });
  for (const variant of alive) steps.push({ kind: 'head', variant });
  return steps;
}

/** The stage whose weights a step needs. */
export function stageOf(step: Step): Stage {
  return step.kind === 'head' ? 'head' : blockOf(step.piece);
}

export function countBlockRuns(steps: readonly Step[]): number {
  return steps.filter((step) => step.kind === 'block').length;
}
