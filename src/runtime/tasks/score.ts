// Scores sequences with the variants of one model: chooses how they run, runs them in batches, and
// hands on what is known after each.

import { isCancelled, toReport } from '../../errors.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { usesHalf } from '../../model/programs/widen.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import type { Batch, TaskSequence } from './batch.ts';
import { type ChainHooks, ChainRun, type ChainVariant, programsFor } from './chainRun.ts';
import { agrees, tokensOf, trialItems, trialOf, type Way, waysOf } from './check.ts';
import { type RunSize, SequenceQueue } from './queue.ts';

export interface SequenceJob extends ChainHooks {
  model: SessionModel;
  /** Of one model; those with other weights have its programs with other bytes. */
  variants: readonly ChainVariant[];
  sequences: readonly TaskSequence[];
  /** Indices of those that are not scored yet. */
  open: readonly number[];
  /** Activations are rounded to 8 bits somewhere. */
  roundedActivations: boolean;
  streamed: boolean;
  /**
   * What a group of batches has given: sums of log p in nats, by variant, of the sequences at
   * `indices`, and the tokens that ran for them.
   */
  onScored(
    indices: readonly number[],
    sums: readonly Float64Array[],
    tokens: { run: number; unshared: number },
  ): Promise<void>;
  /** Share of the open sequences, by tokens. */
  onShare(share: number): void;
  onNote(note: string): void;
}

/** A group that took less than the first, or more than the second, changes the size, s. */
const QUICK = 0.25;
const SLOW = 1.5;
/** Positions of the first run, where the weights are on the device. */
const FIRST_POSITIONS = 256;

/** @throws EspalierError `cancelled`; as `ChainRun` and of the engine and the weight store */
export async function scoreSequences(job: SequenceJob): Promise<void> {
  if (job.open.length === 0) return;
  const ways = waysOf(job.variants[0]!.programs, (form) =>
    job.variants.every(({ programs }) => programsFor(programs, form) !== null),
  );
  if (ways[0]?.form !== 'packed') job.onNote(NOT_SHARED);
  for (const [k, way] of ways.entries()) {
    const alone = k + 1 < ways.length ? ways.at(-1)! : null;
    const outcome = await runWay(job, way, alone);
    if (outcome === 'scored') return;
    job.onNote(way.batch.shared ? NOT_PACKED : NOT_PADDED);
  }
}

const NOT_SHARED =
  'No prefix was shared between choices: this model does not compute each position by itself.';
const NOT_PACKED =
  'No prefix was shared between choices: on a trial, this model did not give the same numbers ' +
  'when they were.';
const NOT_PADDED =
  'Only sequences of one length ran together: on a trial, this model did not give the same ' +
  'numbers when shorter ones were padded.';

/**
 * Scores all open sequences in one way.
 * @param alone the way that it must agree with; null where it is that way
 * @returns whether they are scored, or the trial has failed and nothing is
 */
async function runWay(
  job: SequenceJob,
  way: Way,
  alone: Way | null,
): Promise<'scored' | 'disagrees'> {
  const { sequences, open, variants, model } = job;
  const forms = [...new Set([way.form, ...(alone ? [alone.form] : [])])];
  const tokens = tokensOf(sequences, open, way);
  const longest = Math.max(...open.map((index) => sequences[index]!.ids.length));
  const shape = { longest, tokens };
  const run = await prepared(
    job,
    (streamed) => new ChainRun(model, forms, variants, shape, job, streamed),
  );
  try {
    const queue = new SequenceQueue(sequences, open, way.batch);
    const size = new GroupSize(run, longest);
    let untried = alone;
    let done = 0;
    while (!queue.isEmpty) {
      const chosen = untried ? trialOf(sequences, open, (...trial) => run.fitsTrial(...trial)) : [];
      const trial = untried ? trialItems(run, [way, untried], sequences, chosen, variants[0]!) : [];
      const batches = size.take(queue, 2 * tokensOf(sequences, chosen, way));
      const own = tokensOf(
        sequences,
        batches.flatMap((batch) => batch.sequences),
        way,
      );
      const items = [...trial, ...batches.map((batch) => run.item(batch, way.form))];
      const nll = await run
        .run(items, !queue.isEmpty, (share) => job.onShare((done + share * own) / tokens))
        .catch((error: unknown) => {
          if (untried && isOwnFault(error)) return null;
          throw error;
        });
      if (untried && (nll === null || !agrees(trial, nll, isRounded(job, variants[0]!.programs))))
        return 'disagrees';
      untried = null;
      done += own;
      for (const [k, batch] of batches.entries())
        await report(job, way, batch, nll![trial.length + k]!);
      size.adapt();
    }
    return 'scored';
  } finally {
    await run.dispose();
  }
}

/** Where the device turns out to have no room for all weights, they are streamed. */
async function prepared(
  { streamed }: SequenceJob,
  make: (streamed: boolean) => ChainRun,
): Promise<ChainRun> {
  const run = make(streamed);
  try {
    await run.prepare();
    return run;
  } catch (error) {
    await run.dispose();
    if (!run.memory.resident || toReport(error).code !== 'out-of-memory') throw error;
  }
  const smaller = make(true);
  try {
    await smaller.prepare();
    return smaller;
  } catch (error) {
    await smaller.dispose();
    throw error;
  }
}

/** Whether an error may come from how the sequences run, and not from the device or the files. */
function isOwnFault(error: unknown): boolean {
  const { code } = toReport(error);
  return !isCancelled(error) && (code === 'bug' || code === 'unsupported-op');
}

const isRounded = ({ roundedActivations }: SequenceJob, programs: ScorePrograms): boolean =>
  roundedActivations || programs.residualType === 'float16' || usesHalf(programs);

/** The sums of a batch, in float64. */
async function report(
  job: SequenceJob,
  way: Way,
  batch: Batch,
  nll: readonly Float32Array[],
): Promise<void> {
  const { sequences, predictions } = batch;
  const place = new Map(sequences.map((sequence, at) => [sequence, at]));
  const sums = nll.map((values) => {
    const own = new Float64Array(sequences.length);
    for (const [k, { sequence }] of predictions.entries()) own[place.get(sequence)!]! -= values[k]!;
    return own;
  });
  const unshared = tokensOf(job.sequences, sequences, way);
  await job.onScored(sequences, sums, { run: batch.positions, unshared });
}

/**
 * How many positions run together: with resident weights few enough that results come early, but
 * not so few that runs are mostly overhead; streamed, as many as there is memory for.
 */
class GroupSize {
  private readonly run: ChainRun;
  private readonly least: number;
  private readonly most: RunSize;
  private positions: number;
  private since = performance.now();
  private held = 0;

  constructor(run: ChainRun, longest: number) {
    this.run = run;
    this.most = run.runSize;
    this.least = Math.min(longest, this.most.positions);
    this.positions = run.memory.resident
      ? Math.min(this.most.positions, Math.max(this.least, FIRST_POSITIONS))
      : this.most.positions;
  }

  /** The batches of the next group, one at least. @param besides positions of what else runs */
  take(queue: SequenceQueue, besides: number): Batch[] {
    const batches: Batch[] = [];
    const { most, positions, run } = this;
    const size = { ...most, positions, tokens: (most.tokens / most.positions) * positions };
    const room = run.memory.resident ? 0 : run.groupPositions;
    let taken = besides;
    do {
      const batch = queue.next(size);
      if (!batch) break;
      batches.push(batch);
      taken += batch.positions;
    } while (taken + size.positions <= room);
    return batches;
  }

  /** After each group. */
  adapt(): void {
    const held = this.run.heldMs;
    const took = (performance.now() - this.since - (held - this.held)) / 1000;
    this.since = performance.now();
    this.held = held;
    if (!this.run.memory.resident) return;
    const { positions, most, least } = this;
    if (took < QUICK) this.positions = Math.min(most.positions, positions * 2);
    else if (took > SLOW) this.positions = Math.max(least, Math.ceil(positions / 2));
  }
}
