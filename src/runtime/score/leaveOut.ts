// Leave-one-out over all groups of windows: which legs are run, which an earlier run has done, what
// is written down; must not know what scores mean.

import type { HiddenCriteria } from '../../contract/criteria.ts';
import type { Unit } from '../../units.ts';
import type { LeaveOutBody, SavedPass } from '../checkpoint/body.ts';
import type { HiddenAccumulator } from '../criteria/influence.ts';
import { dropState, type HiddenStates, heldUpTo, type IntactStates } from '../pass/hidden.ts';
import type { Gate, Pass } from '../pass/pass.ts';
import { RunTimer } from '../pass/runTimer.ts';
import {
  type Candidate,
  type Course,
  countBlockRuns,
  intactEnd,
  residentSchedule,
  type Step,
  streamedSchedule,
  type Variant,
} from '../pass/schedule.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';
import { type LiveState, type PassState, stepsAfter, type WindowBytes } from '../pass/streams.ts';
import type { MemoryPlan } from '../weights/memory.ts';
import type { Stage } from '../weights/stages.ts';
import { leaveOneOut, type PassCost } from './group.ts';
import type { WindowResults } from './measures.ts';

export interface LeaveOutJob {
  context: ScoringContext;
  plan: MemoryPlan;
  /** What runs when nothing is left out. */
  line: readonly Unit[];
  candidates: readonly Candidate[];
  /** The NLL of the line itself is wanted. */
  baseline: boolean;
  /**
   * States of the line by position, used and, where the plan keeps them, filled; the caller owns
   * them.
   */
  intact: IntactStates;
  /** Takes the window NLLs; what is in it is not measured again. */
  results: WindowResults;
  /** Is fed with the intact states, or null. */
  hidden: HiddenAccumulator | null;
  /** Where an earlier run of this job ended. */
  resume: LeaveOutBody | null;
  /** Times of earlier passes over the same windows. */
  timer?: RunTimer | undefined;
  signal: AbortSignal | undefined;
  gate?: Gate | undefined;
  /** Block evaluations done, of all. */
  onProgress(done: number, total: number, secondsLeft: number | null): void;
  checkpoint: {
    /**
     * Offers what can be written down; `done` and `total` in block evaluations that need not be
     * done again.
     */
    offer(make: () => Promise<LeaveOutProgress>): Promise<void>;
    last(error: unknown, make: () => Promise<LeaveOutProgress>): Promise<void>;
  } | null;
}

export interface LeaveOutProgress {
  done: number;
  total: number;
  body: LeaveOutBody;
}

/** One group of windows with as many candidates as have room. */
interface Leg {
  from: number;
  count: number;
  candidates: readonly Candidate[];
  /** The first leg over these windows: it gives the baseline and the states for the criteria. */
  first: boolean;
  /** Block runs from scratch. */
  full: number;
}

/**
 * Runs every leg that is not done yet. @throws EspalierError `cancelled`, `device-lost`,
 * `out-of-memory`.
 */
export async function leaveOut(
  job: LeaveOutJob,
): Promise<PassCost & { hidden: HiddenCriteria | null }> {
  for (const { variant, nll } of job.resume?.results ?? []) job.results.add(variant, 0, nll);
  const legs = legsOf(job);
  const todo = legs.filter((leg) => isOpen(job, leg));
  const hidden = continued(job, legs, todo);
  const total = sum(legs);
  let done = total - sum(todo);
  if (todo.length === 0) job.onProgress(done, total, 0);
  const cost: PassCost = { seconds: 0, idealSeconds: 0, blockRuns: 0 };
  for (const [k, leg] of todo.entries()) {
    const own = await runLeg(job, leg, hidden, {
      done,
      total,
      later: sum(todo.slice(k + 1)),
      after: todo[k + 1] ? 'embed' : null,
    });
    done += leg.full;
    cost.seconds += own.seconds;
    cost.idealSeconds =
      cost.idealSeconds === null || own.idealSeconds === null
        ? null
        : cost.idealSeconds + own.idealSeconds;
    cost.blockRuns += own.blockRuns;
  }
  if (!job.plan.keepIntact) dropAll(job.intact);
  return {
    ...cost,
    hidden: hidden?.complete && hidden.finished === job.results.windows ? hidden.result() : null,
  };
}

function sum(legs: readonly Leg[]): number {
  return legs.reduce((total, { full }) => total + full, 0);
}

function dropAll(intact: IntactStates): void {
  for (const cut of [...intact.keys()]) dropState(intact, cut);
}

/**
 * Groups of windows one after the other; streamed, candidates beyond those that have room at a time
 * take further passes over the weights.
 */
function legsOf(job: LeaveOutJob): Leg[] {
  const { plan, candidates, results } = job;
  const size = plan.resident ? Math.max(1, candidates.length) : plan.variants;
  const parts = Array.from({ length: Math.max(1, Math.ceil(candidates.length / size)) }, (_, k) =>
    candidates.slice(k * size, (k + 1) * size),
  );
  return Array.from(
    { length: Math.ceil(results.windows / plan.group) },
    (_, k) => k * plan.group,
  ).flatMap((from) =>
    parts.map((part, k) => {
      const leg = {
        from,
        count: Math.min(plan.group, results.windows - from),
        candidates: part,
        first: k === 0,
        full: 0,
      };
      return { ...leg, full: countBlockRuns(stepsOf(job, courseOf(job, leg, true))) };
    }),
  );
}

/** What a leg runs: all of it, or what is not known yet. */
function courseOf(job: LeaveOutJob, leg: Leg, all: boolean, held = heldNow(job)): Course {
  const { line, results } = job;
  const isKnown = (variant: Variant): boolean => !all && results.has(variant, leg.from, leg.count);
  const candidates = leg.candidates.filter(({ unit }) => !isKnown(unit));
  const baseline = leg.first && job.baseline && !isKnown('intact');
  return {
    line,
    candidates,
    from: held,
    to: intactEnd(line, candidates, baseline || (leg.first && job.hidden !== null)),
    baseline,
  };
}

/** The position up to which the intact states are there. */
function heldNow({ plan, intact }: LeaveOutJob): number {
  return plan.keepIntact ? Math.max(0, heldUpTo(intact)) : 0;
}

function stepsOf(job: LeaveOutJob, course: Course): Step[] {
  return job.plan.resident ? residentSchedule(course) : streamedSchedule(course);
}

function isOpen(job: LeaveOutJob, { from, count, candidates, first }: Leg): boolean {
  if (candidates.some(({ unit }) => !job.results.has(unit, from, count))) return true;
  return (
    first &&
    (job.baseline
      ? !job.results.has('intact', from, count)
      : job.hidden !== null && job.candidates.length === 0)
  );
}

/**
 * What a leg has yet to run, and the states from which it goes on, if an earlier run left some that
 * serve.
 */
function remaining(
  job: LeaveOutJob,
  leg: Leg,
): { steps: readonly Step[]; starts: Map<Unit, number>; saved: PassState | null } {
  const course = courseOf(job, leg, false);
  const steps = stepsOf(job, course);
  const starts = new Map(course.candidates.map(({ unit, at }) => [unit, at]));
  const saved = job.resume?.pass ? cutOut(job.resume.pass, leg) : null;
  const left =
    saved &&
    stepsAfter(steps, starts, saved, new Set(job.plan.keepIntact ? job.intact.keys() : []));
  return left ? { steps: left, starts, saved } : { steps, starts, saved: null };
}

/** The states of a leg's windows out of those that were saved. */
function cutOut(pass: SavedPass, { from, count }: Leg): PassState | null {
  if (from < pass.from || from + count > pass.from + pass.count) return null;
  const own = <T extends { windows: WindowBytes }>(entry: T): T => ({
    ...entry,
    windows: entry.windows.slice(from - pass.from, from - pass.from + count),
  });
  return { front: pass.front, intact: pass.intact.map(own), streams: pass.streams.map(own) };
}

/**
 * The accumulator of the criteria as far as it belongs to what is left to run; null when states
 * that it needs will not come again.
 */
function continued(
  job: LeaveOutJob,
  legs: readonly Leg[],
  todo: readonly Leg[],
): HiddenAccumulator | null {
  const { hidden, resume } = job;
  if (!hidden || !resume) return hidden;
  const [next] = todo;
  const saved = next?.first ? remaining(job, next).saved : null;
  const skipped = legs.filter((leg) => leg.first && !todo.includes(leg));
  if (!saved && skipped.length === 0) return hidden;
  const ended = saved?.front === job.line.length;
  const finished =
    skipped.reduce((windows, { count }) => windows + count, 0) +
    (saved && ended ? (next?.count ?? 0) : 0);
  const under = saved && !ended ? (next?.count ?? 0) : 0;
  const state = resume.hidden;
  const fits =
    state?.windows === finished &&
    state.tracks.length === under &&
    state.tracks.every(([, { cut }]) => cut === saved?.front);
  return fits && hidden.restore(state) ? hidden : null;
}

/** The leg's progress within the whole job. */
interface Place {
  done: number;
  total: number;
  later: number;
  after: Stage | null;
}

async function runLeg(
  job: LeaveOutJob,
  leg: Leg,
  hidden: HiddenAccumulator | null,
  place: Place,
): Promise<PassCost> {
  const { context, plan, intact, results, signal } = job;
  if (!plan.keepIntact) dropAll(intact);
  const pass = context.passOver(
    context.windows.slice(leg.from, leg.from + leg.count),
    signal,
    job.gate,
  );
  const { steps, starts, saved } = remaining(job, leg);
  const blocks = countBlockRuns(steps);
  const before = place.done + Math.max(0, leg.full - blocks);
  const feed = leg.first ? hidden : null;
  const add = (at: number, state: HiddenStates): Promise<void> =>
    pass.each32(state, (chunk, values) => {
      const windows = chunk.windows.map((window) => leg.from + window);
      feed?.add(at, windows, chunk.length, values);
    });
  const atStart = hidden?.snapshot() ?? null;
  const held = heldNow(job);
  const live = saved ? restored(pass, saved, steps, job) : { front: held, streams: new Map() };
  for (const [at, state] of feed && !saved ? [...intact] : []) if (at <= held) await add(at, state);
  /**
   * Streamed, the states alive go with it; resident, the intact pass runs again, which is cheap.
   */
  const written = async (save: () => Promise<PassState>): Promise<LeaveOutProgress> => {
    const alive = plan.resident ? null : await save();
    const open = alive
      ? (stepsAfter(
          steps.filter(
            ({ variant }) => variant === 'intact' || !results.has(variant, leg.from, leg.count),
          ),
          starts,
          alive,
          new Set(),
        ) ?? [])
      : stepsOf(job, courseOf(job, leg, false, 0));
    return {
      done: place.done + Math.max(0, leg.full - countBlockRuns(open)),
      total: place.total,
      body: {
        line: job.line.join(),
        results: results.saved(),
        pass: alive && { ...alive, from: leg.from, count: leg.count },
        hidden: alive ? (hidden?.snapshot() ?? null) : atStart,
      },
    };
  };
  return leaveOneOut(
    pass,
    {
      steps,
      starts,
      keepIntact: plan.keepIntact,
      after: place.after,
      timer: job.timer ?? new RunTimer(),
    },
    intact,
    live,
    {
      onVisit: (stage, next) => context.visit(stage, next, signal),
      onResult: (variant, values) => results.add(variant, leg.from, values),
      onBlock: (done, _, left) => {
        const secondsLeft =
          left === null ? null : left * (1 + place.later / Math.max(1, blocks - done));
        job.onProgress(Math.min(place.total, before + done), place.total, secondsLeft);
      },
      onIntact: async (at, state) => {
        if (feed) await add(at, state);
      },
      onStep: async (save) => job.checkpoint?.offer(() => written(save)),
      onFailure: async (error, save) => job.checkpoint?.last(error, () => written(save)),
    },
  );
}

/** Saved states back on the device. */
function restored(
  pass: Pass,
  saved: PassState,
  steps: readonly Step[],
  job: LeaveOutJob,
): LiveState {
  const wanted = new Set(steps.map(({ variant }) => variant));
  const streams: LiveState['streams'] = new Map();
  const front = Math.max(saved.front, heldNow(job));
  try {
    for (const { unit, next, windows } of saved.streams)
      if (wanted.has(unit)) streams.set(unit, { next, state: pass.restore(windows) });
    for (const { at, windows } of saved.intact)
      if (!job.intact.has(at)) job.intact.set(at, pass.restore(windows));
    return { front, streams };
  } catch (error) {
    for (const { state } of streams.values()) state.release();
    throw error;
  }
}
