// Leave-one-out over all groups of windows: runs the batches that an interrupted run has not
// finished, and writes down how far they are. What scores mean is up to the callers.

import type { HiddenCriteria } from '../../contract/criteria.ts';
import { type LeaveOutBody, storedBody } from '../checkpoint/body.ts';
import type { HiddenAccumulator } from '../criteria/influence.ts';
import type { Gate } from '../pass/gate.ts';
import { dropState, type HiddenStates, type StatesByCut } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import { RunTimer } from '../pass/runTimer.ts';
import { countBlockRuns, type Step } from '../pass/schedule.ts';
import type { ScoringContext } from '../pass/scoringContext.ts';
import { type LiveState, type PassState, stepsAfter } from '../pass/streams.ts';
import type { Stage } from '../weights/stages.ts';
import {
  type Batch,
  type BatchedJob,
  batchesOf,
  heldPosition,
  isOpen,
  remaining,
  resumedCriteria,
  scopeOf,
  stepsOf,
} from './batches.ts';
import { type PassCost, runSteps } from './runSteps.ts';

export interface LeaveOutJob extends BatchedJob {
  context: ScoringContext;
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
  /** As it is stored. */
  body: unknown;
}

/**
 * Runs every batch that is not done yet.
 * @throws EspalierError `cancelled`, `device-lost`, `out-of-memory`.
 */
export async function leaveOut(
  job: LeaveOutJob,
): Promise<PassCost & { hidden: HiddenCriteria | null }> {
  for (const { ablation, nll } of job.resume?.results ?? []) job.results.add(ablation, 0, nll);
  const batches = batchesOf(job);
  const open = batches.filter((batch) => isOpen(job, batch));
  const hidden = resumedCriteria(job, batches, open);
  const total = sum(batches);
  let done = total - sum(open);
  if (open.length === 0) job.onProgress(done, total, 0);
  const cost: PassCost = { seconds: 0, idealSeconds: 0, blockRuns: 0 };
  for (const [k, batch] of open.entries()) {
    const own = await runBatch(job, batch, hidden, {
      done,
      total,
      later: sum(open.slice(k + 1)),
      after: open[k + 1] ? 'embed' : null,
    });
    done += batch.blockRuns;
    cost.seconds += own.seconds;
    cost.idealSeconds =
      cost.idealSeconds === null || own.idealSeconds === null
        ? null
        : cost.idealSeconds + own.idealSeconds;
    cost.blockRuns += own.blockRuns;
  }
  if (!job.plan.keepOriginal) dropAll(job.original);
  return {
    ...cost,
    hidden: hidden?.complete && hidden.finished === job.results.windows ? hidden.result() : null,
  };
}

function sum(batches: readonly Batch[]): number {
  return batches.reduce((total, { blockRuns }) => total + blockRuns, 0);
}

function dropAll(states: StatesByCut): void {
  for (const cut of [...states.keys()]) dropState(states, cut);
}

/** How far the whole job is when a batch starts, in block evaluations. */
interface JobProgress {
  done: number;
  total: number;
  /** In the batches after this one. */
  later: number;
  /** The stage that runs after this batch. */
  after: Stage | null;
}

async function runBatch(
  job: LeaveOutJob,
  batch: Batch,
  hidden: HiddenAccumulator | null,
  progress: JobProgress,
): Promise<PassCost> {
  const { context, plan, original, results, signal } = job;
  if (!plan.keepOriginal) dropAll(original);
  const pass = context.passOver(
    context.windows.slice(batch.from, batch.from + batch.count),
    signal,
    job.gate,
  );
  const { steps, branchPoints, saved } = remaining(job, batch);
  const blocks = countBlockRuns(steps);
  const before = progress.done + Math.max(0, batch.blockRuns - blocks);
  const criteria = batch.first ? hidden : null;
  const addState = (at: number, state: HiddenStates): Promise<void> =>
    pass.each32(state, (chunk, values) => {
      const windows = chunk.windows.map((window) => batch.from + window);
      criteria?.add(at, windows, chunk.length, values);
    });
  const hiddenAtStart = hidden?.snapshot() ?? null;
  const held = heldPosition(job);
  const live = saved ? restored(pass, saved, steps, job) : { position: held, streams: new Map() };
  for (const [at, state] of criteria && !saved ? [...original] : [])
    if (at <= held) await addState(at, state);
  // Streamed, the states alive are written too; resident, the original runs again, which is cheap.
  const checkpoint = async (save: () => Promise<PassState>): Promise<LeaveOutProgress> => {
    const alive = plan.resident ? null : await save();
    const open = alive
      ? (stepsAfter(
          steps.filter(
            ({ ablation }) =>
              ablation === 'original' || !results.has(ablation, batch.from, batch.count),
          ),
          branchPoints,
          alive,
          new Set(),
        ) ?? [])
      : stepsOf(job, scopeOf(job, batch, false, 0));
    const body: LeaveOutBody = {
      results: results.saved(),
      pass: alive && { ...alive, from: batch.from, count: batch.count },
      hidden: alive ? (hidden?.snapshot() ?? null) : hiddenAtStart,
    };
    return {
      done: progress.done + Math.max(0, batch.blockRuns - countBlockRuns(open)),
      total: progress.total,
      body: storedBody(body, job.sequence),
    };
  };
  return runSteps(
    pass,
    {
      steps,
      branchPoints,
      keepOriginal: plan.keepOriginal,
      after: progress.after,
      timer: job.timer ?? new RunTimer(),
    },
    original,
    live,
    {
      onVisit: (stage, next) => context.visit(stage, next, signal),
      onResult: (ablation, values) => results.add(ablation, batch.from, values),
      onBlock: (done, _, left) => {
        const secondsLeft =
          left === null ? null : left * (1 + progress.later / Math.max(1, blocks - done));
        job.onProgress(Math.min(progress.total, before + done), progress.total, secondsLeft);
      },
      onOriginal: async (at, state) => {
        if (criteria) await addState(at, state);
      },
      onStep: async (save) => job.checkpoint?.offer(() => checkpoint(save)),
      onFailure: async (error, save) => job.checkpoint?.last(error, () => checkpoint(save)),
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
  const needed = new Set(steps.map(({ ablation }) => ablation));
  const streams: LiveState['streams'] = new Map();
  const position = Math.max(saved.position, heldPosition(job));
  try {
    for (const { unit, next, windows } of saved.streams)
      if (needed.has(unit)) streams.set(unit, { next, state: pass.restore(windows) });
    for (const { at, windows } of saved.original)
      if (!job.original.has(at)) job.original.set(at, pass.restore(windows));
    return { position, streams };
  } catch (error) {
    for (const { state } of streams.values()) state.release();
    throw error;
  }
}
