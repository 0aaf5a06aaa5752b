// Iterative PPL (SLEB): leave-one-out over the remaining blocks, the best one is removed, and
// again.

import { hasNumbers, measureWindows } from '../../analysis/perplexity.ts';
import type { BlockScore, Measure } from '../../contract/score.ts';
import type { SearchParameters, SearchResult, SearchStep } from '../../contract/search.ts';
import { EspalierError } from '../../errors.ts';
import { blockOf, formatUnits, sortUnits, type Unit } from '../../units.ts';
import { readLeaveOutBody } from '../checkpoint/body.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointWriter } from '../checkpoint/writer.ts';
import type { Gate } from '../pass/gate.ts';
import { dropState, type StatesByCut } from '../pass/hidden.ts';
import { whyNoNumbers } from '../pass/notFinite.ts';
import { RunTimer } from '../pass/runTimer.ts';
import { blockCandidates, type Candidate, sequenceOf } from '../pass/schedule.ts';
import type { ScoringContext, Windows } from '../pass/scoringContext.ts';
import { type LeaveOutJob, type LeaveOutProgress, leaveOut } from '../score/leaveOut.ts';
import { WindowResults } from '../score/measures.ts';
import type { MemoryPlan } from '../weights/memory.ts';
import { readSearchBody, type SearchBody } from './body.ts';
import type { SearchHooks } from './hooks.ts';

/** What a search does, and the windows it goes by. */
export type SearchOnWindows = SearchParameters & { windows: Windows };

/**
 * What a search found, before the worker adds settings and device. `costRatio`: against the sum of
 * the steps' N(N + 1)/2 t_block + (N + 1) t_head.
 */
export type SearchOutcome = Pick<
  SearchResult,
  'baseline' | 'steps' | 'stoppedBy' | 'seconds' | 'costRatio'
>;

export interface SearchJob extends SearchParameters {
  context: ScoringContext;
  plan: MemoryPlan;
  /** Per block, why it cannot be left out, or null. */
  unremovable: readonly (string | null)[];
  /** Per block, those that read its cache: once all of them are gone it can be left out. */
  borrowers: readonly (readonly number[])[];
  /**
   * A curve on the same windows: its baseline and, when nothing was removed before, its blocks are
   * the first step.
   */
  curve: { baseline: Measure; blocks: readonly BlockScore[] } | null;
  /** States of the model without `start`, by position in its sequence; taken over and released. */
  states: StatesByCut;
  writer: CheckpointWriter | null;
  signal: AbortSignal | undefined;
  gate: Gate | undefined;
}

/**
 * Runs the steps. @throws EspalierError `cancelled`, `device-lost`, `out-of-memory`; `bad-input`
 * where the model that it starts from gives no numbers.
 */
export async function searchIteratively(
  job: SearchJob,
  hooks: SearchHooks,
): Promise<Omit<SearchOutcome, 'seconds'>> {
  const search = new Search(job, hooks);
  try {
    return await search.run();
  } finally {
    search.release();
  }
}

class Search {
  private readonly job: SearchJob;
  private readonly hooks: SearchHooks;
  /** States of the running step's sequence, by position. */
  private readonly states: StatesByCut;
  private readonly timer = new RunTimer();
  private readonly steps: SearchStep[] = [];
  private baseline: Measure | null;
  private announced = false;
  private resumed = 0;
  private seconds = 0;
  private ideal = 0;

  constructor(job: SearchJob, hooks: SearchHooks) {
    this.job = job;
    this.hooks = hooks;
    this.states = job.states;
    this.baseline = job.start.length === 0 ? (job.curve?.baseline ?? null) : null;
  }

  async run(): Promise<Omit<SearchOutcome, 'seconds'>> {
    const { job } = this;
    const saved = readSearchBody((await job.writer?.load())?.body, job.unremovable.length);
    let inner: unknown = null;
    if (saved) {
      this.baseline = saved.baseline ?? this.baseline;
      inner = saved.inner;
      this.resumed = saved.steps.length;
      this.steps.push(...saved.steps);
    }
    this.announceStart();
    await this.checkBaseline();
    let stoppedBy: SearchOutcome['stoppedBy'] | null = null;
    while (stoppedBy === null) {
      stoppedBy = this.steps.length >= job.count ? 'count' : await this.step(inner);
      inner = null;
    }
    // A search for no blocks still measures the model.
    if (!this.baseline) await this.measureBaseline();
    const { baseline, steps } = this;
    return {
      baseline: baseline ?? measureWindows([]),
      steps,
      stoppedBy,
      costRatio: this.ideal > 0 ? this.seconds / this.ideal : null,
    };
  }

  release(): void {
    for (const cut of [...this.states.keys()]) dropState(this.states, cut);
  }

  /** Removes one more block, or returns why there is none. */
  private async step(inner: unknown): Promise<SearchOutcome['stoppedBy'] | null> {
    const { job, hooks } = this;
    const started = performance.now();
    const sequence = this.sequence();
    const candidates = this.candidates(sequence);
    if (candidates.length === 0) return 'locks';
    const number = this.steps.length;
    const found = new Map<number, Measure>();
    const results = new WindowResults(job.context.windows.length, (ablation, nll) => {
      if (ablation === 'original') {
        this.baseline ??= measureWindows(nll);
        this.announceStart();
        return;
      }
      const block = Number(ablation);
      const measure = measureWindows(nll);
      found.set(block, measure);
      hooks.onCandidate(number, block, measure.nll);
    });
    const known = number === 0 && job.start.length === 0 ? job.curve : null;
    if (known) {
      this.announceStart();
      const open = new Set(candidates.map(({ unit }) => unit));
      for (const { index, nllPerWindow } of known.blocks)
        if (open.has(index)) results.add(index, 0, nllPerWindow);
    } else
      await this.measure(
        { sequence, candidates, baseline: this.baseline === null, results },
        inner,
      );
    await this.checkBaseline();
    const ranked = [...found].sort(([a, x], [b, y]) => (x.nll === y.nll ? a - b : x.nll - y.nll));
    const [best] = ranked;
    if (!best) return 'locks';
    const [block, measure] = best;
    if (job.maxPpl !== null && !(Math.exp(measure.nll) <= job.maxPpl)) return 'bound';
    const at = sequence.findIndex((unit) => blockOf(unit) === block);
    for (const cut of [...this.states.keys()]) if (cut > at) dropState(this.states, cut);
    const seconds = (performance.now() - started) / 1000;
    const step = {
      block,
      measure,
      candidates: ranked.map(([one, { nll }]) => ({ block: one, nll })),
      seconds,
    };
    this.steps.push(step);
    hooks.onStep(step);
    await job.writer?.offerStep(async () => this.checkpoint({ done: 0, total: 0 }, null));
    return null;
  }

  /** No step is the best of NaN. */
  private async checkBaseline(): Promise<void> {
    const { baseline, job } = this;
    if (!baseline || hasNumbers(baseline)) return;
    const { context, signal, start } = job;
    const so = 'so no search can go on from it';
    throw new EspalierError(
      'bad-input',
      start.length > 0
        ? `The model without ${formatUnits(start)} gives no numbers, ${so}.`
        : await whyNoNumbers(context, context.windows, baseline.nllPerWindow, so, signal),
      'Magnitudes of the weights need no run: choose blocks by them, or by hand.',
    );
  }

  private sequence(): Unit[] {
    return sequenceOf(
      this.job.unremovable.length,
      sortUnits([...this.job.start, ...this.steps.map(({ block }) => block)]),
    );
  }

  private candidates(sequence: readonly Unit[]): Candidate[] {
    const { locked, unremovable, borrowers } = this.job;
    if (sequence.length < 2) return [];
    const left = new Set(sequence.map(blockOf));
    const isFree = (block: number): boolean => {
      const lent = borrowers[block] ?? [];
      const returned = lent.length > 0 && !lent.some((borrower) => left.has(borrower));
      return returned || !unremovable[block];
    };
    return blockCandidates(sequence, (block) => isFree(block) && !locked.includes(block));
  }

  private async measureBaseline(): Promise<void> {
    const results = new WindowResults(this.job.context.windows.length, (_, nll) => {
      this.baseline = measureWindows(nll);
      this.announceStart();
    });
    await this.measure(
      { sequence: this.sequence(), candidates: [], baseline: true, results },
      null,
    );
  }

  private async measure(
    what: Pick<LeaveOutJob, 'sequence' | 'candidates' | 'baseline' | 'results'>,
    inner: unknown,
  ): Promise<void> {
    const { context, plan, writer, signal, gate } = this.job;
    const { sequence, candidates } = what;
    const windowBytes = context.stateBytes();
    const whole = (progress: LeaveOutProgress): Checkpoint =>
      this.checkpoint(progress, progress.body);
    const cost = await leaveOut({
      ...what,
      context,
      plan,
      original: this.states,
      hidden: null,
      resume: inner === null ? null : readLeaveOutBody(inner, { sequence, windowBytes }),
      timer: this.timer,
      signal,
      gate,
      onProgress: (done, total, secondsLeft) => {
        const [before, later] = [this.runsBefore(), this.runsAfter()];
        const left =
          secondsLeft === null ? null : secondsLeft * (1 + later / Math.max(1, total - done));
        this.hooks.onProgress(before + done, before + total + later, left);
      },
      checkpoint: writer && {
        offer: (make) => writer.offer(async () => whole(await make())),
        last: (error, make) => writer.last(error, async () => whole(await make())),
      },
    });
    if (cost.idealSeconds === null || cost.blockRuns === 0) return;
    this.seconds += cost.seconds;
    const groups = Math.ceil(context.windows.length / plan.group);
    this.ideal +=
      (cost.idealSeconds * groups * runsFromScratch(sequence, candidates)) / cost.blockRuns;
  }

  /** Block runs of the steps that are done, from scratch. */
  private runsBefore(): number {
    return this.steps.reduce((sum, _, k) => sum + triangle(this.firstLength() - k), 0);
  }

  /** Of the steps after the one that runs, at most. */
  private runsAfter(): number {
    let runs = 0;
    for (let k = this.steps.length + 1; k < this.job.count && this.firstLength() - k > 1; k++)
      runs += triangle(this.firstLength() - k);
    return runs;
  }

  private firstLength(): number {
    return sequenceOf(this.job.unremovable.length, sortUnits(this.job.start)).length;
  }

  private checkpoint({ done, total }: { done: number; total: number }, inner: unknown): Checkpoint {
    const before = this.runsBefore();
    const body: SearchBody = { baseline: this.baseline, steps: [...this.steps], inner };
    return { done: before + done, total: before + total + this.runsAfter(), body };
  }

  /** Reports once that the search begins, with the steps that an interrupted one has found. */
  private announceStart(): void {
    if (!this.baseline || this.announced) return;
    this.announced = true;
    this.hooks.onStarted(this.baseline, this.resumed);
    for (const step of this.steps.slice(0, this.resumed)) this.hooks.onStep(step);
  }
}

/** Block runs of leave-one-out over n blocks. */
function triangle(n: number): number {
  return (n * (n + 1)) / 2;
}

/**
 * Block runs of a step that finds no states: the sequence once, and what comes after each
 * candidate.
 */
function runsFromScratch(sequence: readonly Unit[], candidates: readonly Candidate[]): number {
  return candidates.reduce(
    (sum, { at, rest }) => sum + rest.length + sequence.length - 1 - at,
    sequence.length,
  );
}
