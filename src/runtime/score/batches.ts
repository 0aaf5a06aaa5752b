// Leave-one-out divided into batches, one group of windows with as many ablations as have room
// each, and what a batch has yet to run after an interruption.

import type { Unit } from '../../units.ts';
import type { LeaveOutBody, SavedPass } from '../checkpoint/body.ts';
import type { HiddenAccumulator } from '../criteria/influence.ts';
import { heldUpTo, type StatesByCut } from '../pass/hidden.ts';
import {
  type Ablation,
  type Candidate,
  countBlockRuns,
  originalEnd,
  residentSchedule,
  type ScheduleScope,
  type Step,
  streamedSchedule,
} from '../pass/schedule.ts';
import { type PassState, stepsAfter, type WindowBytes } from '../pass/streams.ts';
import type { MemoryPlan } from '../weights/memory.ts';
import type { WindowResults } from './measures.ts';

/** What is left out of which sequence, and what is known already. */
export interface BatchedJob {
  plan: MemoryPlan;
  /** What runs when nothing is left out. */
  sequence: readonly Unit[];
  candidates: readonly Candidate[];
  /** The NLL of the sequence itself is needed. */
  baseline: boolean;
  /**
   * States of the sequence by position, used and, where the plan keeps them, filled; the caller
   * owns them.
   */
  original: StatesByCut;
  /** Takes the window NLLs; what is in it is not measured again. */
  results: WindowResults;
  /** Is fed with the states of the original, or null. */
  hidden: HiddenAccumulator | null;
  /** Where an interrupted run of this job ended. */
  resume: LeaveOutBody | null;
}

/** One group of windows with as many candidates as have room. */
export interface Batch {
  from: number;
  count: number;
  candidates: readonly Candidate[];
  /** The first batch over these windows gives the baseline and the states for the criteria. */
  first: boolean;
  /** Block runs from scratch. */
  blockRuns: number;
}

/**
 * Groups of windows one after the other; streamed, the candidates beyond those that have room at a
 * time take further passes over the weights.
 */
export function batchesOf(job: BatchedJob): Batch[] {
  const { plan, candidates, results } = job;
  const size = plan.resident ? Math.max(1, candidates.length) : plan.ablations;
  const slices = Array.from({ length: Math.max(1, Math.ceil(candidates.length / size)) }, (_, k) =>
    candidates.slice(k * size, (k + 1) * size),
  );
  return Array.from(
    { length: Math.ceil(results.windows / plan.group) },
    (_, k) => k * plan.group,
  ).flatMap((from) =>
    slices.map((slice, k) => {
      const batch = {
        from,
        count: Math.min(plan.group, results.windows - from),
        candidates: slice,
        first: k === 0,
        blockRuns: 0,
      };
      return { ...batch, blockRuns: countBlockRuns(stepsOf(job, scopeOf(job, batch, true))) };
    }),
  );
}

/** What a batch runs: all of it, or what is not known yet. */
export function scopeOf(
  job: BatchedJob,
  batch: Batch,
  all: boolean,
  held = heldPosition(job),
): ScheduleScope {
  const { sequence, results } = job;
  const isKnown = (ablation: Ablation): boolean =>
    !all && results.has(ablation, batch.from, batch.count);
  const candidates = batch.candidates.filter(({ unit }) => !isKnown(unit));
  const baseline = batch.first && job.baseline && !isKnown('original');
  return {
    sequence,
    candidates,
    from: held,
    to: originalEnd(sequence, candidates, baseline || (batch.first && job.hidden !== null)),
    baseline,
  };
}

/** The position up to which the states of the original are held. */
export function heldPosition({ plan, original }: BatchedJob): number {
  return plan.keepOriginal ? Math.max(0, heldUpTo(original)) : 0;
}

export function stepsOf(job: BatchedJob, scope: ScheduleScope): Step[] {
  return job.plan.resident ? residentSchedule(scope) : streamedSchedule(scope);
}

/** True when a result of the batch, or a state that it gives, is still missing. */
export function isOpen(job: BatchedJob, { from, count, candidates, first }: Batch): boolean {
  if (candidates.some(({ unit }) => !job.results.has(unit, from, count))) return true;
  return (
    first &&
    (job.baseline
      ? !job.results.has('original', from, count)
      : job.hidden !== null && job.candidates.length === 0)
  );
}

/** What a batch has yet to run, and the states of an interrupted run from which it can resume. */
export function remaining(
  job: BatchedJob,
  batch: Batch,
): { steps: readonly Step[]; branchPoints: Map<Unit, number>; saved: PassState | null } {
  const scope = scopeOf(job, batch, false);
  const steps = stepsOf(job, scope);
  const branchPoints = new Map(scope.candidates.map(({ unit, at }) => [unit, at]));
  const saved = job.resume?.pass ? cutOut(job.resume.pass, batch) : null;
  const left =
    saved &&
    stepsAfter(
      steps,
      branchPoints,
      saved,
      new Set(job.plan.keepOriginal ? job.original.keys() : []),
    );
  return left ? { steps: left, branchPoints, saved } : { steps, branchPoints, saved: null };
}

/** The states of a batch's windows out of those that were saved. */
function cutOut(pass: SavedPass, { from, count }: Batch): PassState | null {
  if (from < pass.from || from + count > pass.from + pass.count) return null;
  const own = <T extends { windows: WindowBytes }>(entry: T): T => ({
    ...entry,
    windows: entry.windows.slice(from - pass.from, from - pass.from + count),
  });
  return {
    position: pass.position,
    original: pass.original.map(own),
    streams: pass.streams.map(own),
  };
}

/**
 * The accumulator of the criteria, restored to what belongs to the batches that are still to run;
 * null when states that it needs will not be computed again.
 */
export function resumedCriteria(
  job: BatchedJob,
  batches: readonly Batch[],
  open: readonly Batch[],
): HiddenAccumulator | null {
  const { hidden, resume } = job;
  if (!hidden || !resume) return hidden;
  const [next] = open;
  const saved = next?.first ? remaining(job, next).saved : null;
  const skipped = batches.filter((batch) => batch.first && !open.includes(batch));
  if (!saved && skipped.length === 0) return hidden;
  const ended = saved?.position === job.sequence.length;
  const finished =
    skipped.reduce((windows, { count }) => windows + count, 0) +
    (saved && ended ? (next?.count ?? 0) : 0);
  const underWay = saved && !ended ? (next?.count ?? 0) : 0;
  const state = resume.hidden;
  const fits =
    state?.windows === finished &&
    state.tracks.length === underWay &&
    state.tracks.every(([, { cut }]) => cut === saved?.position);
  return fits && hidden.restore(state) ? hidden : null;
}
