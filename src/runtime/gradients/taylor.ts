// The Taylor criterion: sums of |W dL/dW| over the weights of each block, L the mean NLL of all
// windows together.

import type { SourceData, TaylorSums } from '../../analysis/criteriaTable.ts';
import type { Progress } from '../../contract/progress.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import { throwIfCancelled } from '../../errors.ts';
import type { Tap } from '../../grad/blockGradient.ts';
import { type GradientPrograms, makeGradientPrograms } from '../../grad/gradientPrograms.ts';
import { fitted } from '../../model/programs/widen.ts';
import type { Structure } from '../../model/structure/structure.ts';
import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../checkpoint/writer.ts';
import type { Engine } from '../device/engine.ts';
import { createYielder } from '../device/yielder.ts';
import { Chain } from '../pass/chain.ts';
import { longest, type Windows } from '../pass/scoringContext.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import type { MemoryDevice } from '../weights/memory.ts';
import { type Chunk, chunkWindows } from '../weights/windows.ts';
import { readTaylorBody, storedTaylor } from './body.ts';
import { differentiate, type StateOf } from './differentiate.ts';
import { type GradientPlan, gradientMemory, planGradients } from './memory.ts';

/** A backward run of a block takes about as long as this many forward ones. */
const BACKWARD = 4;

export interface TaylorJob extends SessionModel {
  structure: Structure;
  windows: Windows;
  signal?: AbortSignal | undefined;
  onProgress(progress: Progress): void;
  /** Where the job is written down; an interrupted run of it goes on from there. */
  store?: CheckpointStore | undefined;
  /** dL/dh before block `cut`, or after the last one: for comparisons with other tools. */
  onGradient?(cut: number, gradient: readonly Float32Array[]): void;
}

export type TaylorFound = SourceData['taylor'] & {
  /** In what the gradients differ from those of what runs, as phrases to show. */
  notes: readonly string[];
};

/** What decides how a job runs; of the engine, its limits. */
type PlannedJob = Pick<TaylorJob, 'structure' | 'programs' | 'windows' | 'budget'> & {
  engine: MemoryDevice & Pick<Engine, 'feedsNibbles'>;
};

/** What the job will take, in bytes. @throws EspalierError where there are no gradients. */
export function taylorMemory(given: PlannedJob): MemoryEstimate {
  const job = { ...given, programs: fitted(given.programs, false) };
  return gradientMemory(job.programs, planOf(job).plan, job.budget);
}

/**
 * @throws EspalierError `unsupported-op` naming the operator that has no gradient, before anything
 *   runs; `too-large` for the budget; `cancelled`, and errors of the engine and the weight store.
 */
export async function measureTaylor(given: TaylorJob): Promise<TaylorFound> {
  const job = { ...given, programs: fitted(given.programs, false) };
  const { programs, engine, windows, signal, onProgress, store } = job;
  const writer = store ? new CheckpointWriter(store) : null;
  const { plan, gradients } = planOf(job);
  if (plan.obstacle) throw plan.obstacle;
  const chunks = chunkWindows(windows, plan.rows, programs.vocabSize);
  const chain = new Chain(programs, job.folder, engine);
  const loader = new StageLoader(chain, plan);
  const report = progressOf(programs.blocks.length, onProgress);
  const saved = await writer?.load();
  const resumed = saved ? readTaylorBody(saved.body, chunks, programs) : null;
  const scores = new Map<number, readonly number[]>(resumed?.scores ?? []);
  const yieldIfDue = createYielder();
  const checkpoint = async (stateOf: StateOf): Promise<Checkpoint> => {
    const state = await stateOf();
    const body = state && storedTaylor({ scores, state }, chunks);
    return { ...report.share(), done: body ? report.share().done : 0, body };
  };
  try {
    await chain.compile({
      signal,
      onProgram: (done, total) => report.prepare('compile', done, total),
    });
    await loader.loadPinned({ signal });
    const start = resumed?.state.block ?? programs.blocks.length;
    report.begin(start);
    const loss = await differentiate(
      { chain, loader, gradients, chunks, head: plan.head, from: resumed?.state ?? null, signal },
      {
        async turn() {
          await yieldIfDue();
          throwIfCancelled(signal);
        },
        onForward: () => report.forward(),
        ...(job.onGradient && { onGradient: job.onGradient }),
        async onBlock(block, found, state) {
          scores.set(block, found);
          report.backward();
          await writer?.offer(() => checkpoint(state));
        },
        onFailure: async (error, state) => writer?.last(error, () => checkpoint(state)),
      },
    );
    await writer?.clear();
    const { notes } = gradients;
    return { ...sumsOf(loss, scores, gradients, chunks, programs.blocks.length), notes };
  } finally {
    await loader.dispose();
    await chain.dispose();
  }
}

/** The plan, and the programs of its runs. @throws EspalierError where there are no gradients */
function planOf(job: PlannedJob): { plan: GradientPlan; gradients: GradientPrograms } {
  const { programs, engine, windows, budget } = job;
  const made = new Map<number, GradientPrograms>();
  const make = (rows: number): GradientPrograms => {
    const gradients = made.get(rows) ?? gradientsOf(job, rows);
    made.set(rows, gradients);
    return gradients;
  };
  const shape = { windows: windows.length, length: longest(windows) };
  const plan = planGradients(programs, make, shape, engine, budget);
  const gradients = make(plan.rows);
  if (gradients.obstacle) throw gradients.obstacle;
  return { plan, gradients };
}

/** Programs for runs of so many windows, with sums over chunks where one does not hold them all. */
function gradientsOf(
  { structure, programs, engine, windows }: PlannedJob,
  rows: number,
): GradientPrograms {
  const length = longest(windows);
  return makeGradientPrograms(structure, programs, {
    run: { rows, length },
    predictions: windows.reduce((sum, window) => sum + window.length - 1, 0),
    accumulate: rows < windows.length || windows.some((window) => window.length < length),
    kinds: ['linear', 'norm'],
    maxBufferBytes: engine.maxBufferBytes,
    feedsNibbles: engine.feedsNibbles,
  });
}

/** Adds the scores of the taps of each block, in float64. */
function sumsOf(
  loss: number,
  scores: ReadonlyMap<number, readonly number[]>,
  gradients: GradientPrograms,
  chunks: readonly Chunk[],
  numBlocks: number,
): SourceData['taylor'] {
  const run = { rows: chunks[0]?.rows ?? 1, length: chunks[0]?.length ?? 2 };
  const taps = Array.from({ length: numBlocks }, (_, block) => gradients.block(block, run).taps);
  const sums = (counts: (tap: Tap) => boolean): TaylorSums => {
    const of = (block: number, sublayer: Tap['sublayer'] | 'any'): number =>
      (taps[block] ?? []).reduce(
        (sum, tap, k) =>
          counts(tap) && (sublayer === 'any' || tap.sublayer === sublayer)
            ? sum + (scores.get(block)?.[k] ?? Number.NaN)
            : sum,
        0,
      );
    const divided = (block: number): boolean =>
      (taps[block] ?? []).every((tap) => !counts(tap) || tap.sublayer !== null);
    const each = <T>(value: (block: number) => T): T[] =>
      Array.from({ length: numBlocks }, (_, block) => value(block));
    return {
      block: each((block) => of(block, 'any')),
      attention: each((block) => (divided(block) ? of(block, 'attn') : null)),
      ffn: each((block) => (divided(block) ? of(block, 'ffn') : null)),
    };
  };
  return {
    loss,
    linear: sums(({ kind }) => kind === 'linear'),
    withNorms: sums(({ kind }) => kind === 'linear' || kind === 'norm'),
  };
}

/** Tells how far the job is, in forward runs of a block over all windows. */
function progressOf(numBlocks: number, onProgress: (progress: Progress) => void) {
  const total = numBlocks * (1 + BACKWARD);
  let done = 0;
  let before = 0;
  let started = 0;
  const tell = (): void => {
    const seconds = (performance.now() - started) / 1000;
    const secondsLeft = done > before ? (seconds / (done - before)) * (total - done) : null;
    onProgress({ job: 'taylor', phase: 'score', done, total, unit: 'steps', secondsLeft });
  };
  return {
    prepare(phase: 'compile', programs: number, of: number): void {
      const progress = { done: programs, total: of, unit: 'programs', secondsLeft: null } as const;
      onProgress({ job: 'taylor', phase, ...progress });
    },
    /** The backward pass starts before block `from`. */
    begin(from: number): void {
      // What a resumed run does not do again counts as done.
      done = (numBlocks - from) * (1 + BACKWARD);
      before = done;
      started = performance.now();
      tell();
    },
    forward(): void {
      done += 1;
      tell();
    },
    backward(): void {
      done += BACKWARD;
      tell();
    },
    share: () => ({ done, total }),
  };
}
