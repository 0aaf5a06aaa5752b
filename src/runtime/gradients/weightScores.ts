// Scores sum |W dL/dW| of the weights of every block, L the mean NLL of all windows together: the
// job, within a budget, that its callers name and read.

import type { Progress } from '../../contract/progress.ts';
import type { MemoryEstimate } from '../../contract/score.ts';
import type { Tap } from '../../grad/blockGradient.ts';
import {
  type GradientOptions,
  type GradientPrograms,
  makeGradientPrograms,
} from '../../grad/gradientPrograms.ts';
import { fitted } from '../../model/programs/widen.ts';
import type { Structure } from '../../model/structure/structure.ts';
import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../checkpoint/writer.ts';
import type { Engine } from '../device/engine.ts';
import { Pause } from '../heal/pause.ts';
import { Chain } from '../pass/chain.ts';
import type { Gate } from '../pass/gate.ts';
import { longest, type Windows } from '../pass/scoringContext.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import type { MemoryDevice } from '../weights/memory.ts';
import { chunkWindows } from '../weights/windows.ts';
import { readScoresBody, storedScores } from './body.ts';
import { differentiate, type StateOf, type WeightScores } from './differentiate.ts';
import { type GradientPlan, gradientMemory, planGradients } from './memory.ts';

/** A backward run of a block takes about as long as this many forward ones. */
const BACKWARD = 4;

export interface WeightScoresJob extends SessionModel {
  structure: Structure;
  windows: Windows;
  signal?: AbortSignal | undefined;
  /** Holds the job between two runs. */
  gate?: Gate | undefined;
  onProgress(progress: Progress): void;
  /** Where the job is written down; an interrupted run of it goes on from there. */
  store?: CheckpointStore | undefined;
  /** dL/dh before block `cut`, or after the last one: for comparisons with other tools. */
  onGradient?(cut: number, gradient: readonly Float32Array[]): void;
}

/** Which weights are scored, and how. */
export type WhichWeights = Pick<GradientOptions, 'kinds' | 'axes'> & {
  /** What the job is called in its progress. */
  name: string;
};

export interface ScoredWeight {
  tap: Tap;
  scores: WeightScores;
}

export interface WeightScoresFound {
  /** Mean NLL in nats over all predicted positions. */
  loss: number;
  /** By block. */
  weights: readonly (readonly ScoredWeight[])[];
  /** In what the gradients differ from those of what runs, as phrases to show. */
  notes: readonly string[];
}

/** What decides how a job runs; of the engine, its limits. */
export type PlannedScores = Pick<
  WeightScoresJob,
  'structure' | 'programs' | 'windows' | 'budget'
> & {
  engine: MemoryDevice & Pick<Engine, 'feedsNibbles'>;
};

/** What the job will take, in bytes. @throws EspalierError where there are no gradients. */
export function weightScoresMemory(given: PlannedScores, which: WhichWeights): MemoryEstimate {
  const job = { ...given, programs: fitted(given.programs, false) };
  return gradientMemory(job.programs, planOf(job, which).plan, job.budget);
}

/**
 * @throws EspalierError `unsupported-op` naming the operator that has no gradient, before anything
 *   runs; `too-large` for the budget; `cancelled`, and errors of the engine and the weight store.
 */
export async function scoreWeights(
  given: WeightScoresJob,
  which: WhichWeights,
): Promise<WeightScoresFound> {
  const job = { ...given, programs: fitted(given.programs, false) };
  const { programs, engine, windows, signal, onProgress, store } = job;
  const writer = store ? new CheckpointWriter(store) : null;
  const { plan, gradients } = planOf(job, which);
  if (plan.obstacle) throw plan.obstacle;
  const chunks = chunkWindows(windows, plan.rows, programs.vocabSize);
  const chain = new Chain(programs, job.folder, engine);
  const loader = new StageLoader(chain, plan);
  const report = progressOf(which.name, programs.blocks.length, onProgress);
  const saved = await writer?.load();
  const resumed = saved ? readScoresBody(saved.body, chunks, programs) : null;
  const scores = new Map<number, readonly WeightScores[]>(resumed?.scores ?? []);
  const { turn } = new Pause({ signal, gate: job.gate });
  const checkpoint = async (stateOf: StateOf): Promise<Checkpoint> => {
    const state = await stateOf();
    const body = state && storedScores({ scores, state }, chunks);
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
        turn,
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
    const run = { rows: chunks[0]?.rows ?? 1, length: chunks[0]?.length ?? 2 };
    const weights = programs.blocks.map((_, block) =>
      gradients
        .block(block, run)
        .taps.map((tap, k) => ({ tap, scores: scores.get(block)?.[k] ?? [] })),
    );
    return { loss, weights, notes: gradients.notes };
  } finally {
    await loader.dispose();
    await chain.dispose();
  }
}

/** The plan, and the programs of its runs. @throws EspalierError where there are no gradients */
function planOf(
  job: PlannedScores,
  which: WhichWeights,
): { plan: GradientPlan; gradients: GradientPrograms } {
  const { programs, engine, windows, budget } = job;
  const made = new Map<number, GradientPrograms>();
  const make = (rows: number): GradientPrograms => {
    const gradients = made.get(rows) ?? gradientsOf(job, which, rows);
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
  { structure, programs, engine, windows }: PlannedScores,
  { kinds, axes }: WhichWeights,
  rows: number,
): GradientPrograms {
  const length = longest(windows);
  return makeGradientPrograms(structure, programs, {
    run: { rows, length },
    predictions: windows.reduce((sum, window) => sum + window.length - 1, 0),
    accumulate: rows < windows.length || windows.some((window) => window.length < length),
    kinds,
    axes,
    maxBufferBytes: engine.maxBufferBytes,
    feedsNibbles: engine.feedsNibbles,
  });
}

/** Tells how far the job is, in forward runs of a block over all windows. */
function progressOf(job: string, numBlocks: number, onProgress: (progress: Progress) => void) {
  const total = numBlocks * (1 + BACKWARD);
  let done = 0;
  let before = 0;
  let started = 0;
  const tell = (): void => {
    const seconds = (performance.now() - started) / 1000;
    const secondsLeft = done > before ? (seconds / (done - before)) * (total - done) : null;
    onProgress({ job, phase: 'score', done, total, unit: 'steps', secondsLeft });
  };
  return {
    prepare(phase: 'compile', programs: number, of: number): void {
      const progress = { done: programs, total: of, unit: 'programs', secondsLeft: null } as const;
      onProgress({ job, phase, ...progress });
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
