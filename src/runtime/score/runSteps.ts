// Runs the steps of a schedule on one group of windows, computing each hidden state once.

import type { Unit } from '../../units.ts';
import type { HiddenStates, StatesByCut } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import type { RunTimer } from '../pass/runTimer.ts';
import { type Ablation, countBlockRuns, type Step, stageOf } from '../pass/schedule.ts';
import { type LiveState, type PassState, Streams } from '../pass/streams.ts';
import type { Stage } from '../weights/stages.ts';

export interface StepHooks {
  /** Called when the window NLLs of the original are known, and when those of an ablation are. */
  onResult(ablation: Ablation, nllPerWindow: number[]): void;
  /** After each block evaluation (all windows); `secondsLeft` is null at first. */
  onBlock(done: number, total: number, secondsLeft: number | null): void;
  /**
   * Before a stage runs: weights may have to be loaded. `next` is the stage that comes after it,
   * null for the last.
   */
  onVisit(stage: Stage, next: Stage | null): Promise<void>;
  /** Each state of the original as it is computed, by position. */
  onOriginal(at: number, state: HiddenStates): Promise<void>;
  /** After each step; `save` reads everything alive back to the host. */
  onStep(save: () => Promise<PassState>): Promise<void>;
  /** The pass ends early; what is alive is freed after this. */
  onFailure(error: unknown, save: () => Promise<PassState>): Promise<void>;
}

/** What to run. */
export interface StepPlan {
  steps: readonly Step[];
  /** Where each ablation leaves the original. */
  branchPoints: ReadonlyMap<Unit, number>;
  /** States of the original stay in the map; otherwise each is dropped once nothing needs it. */
  keepOriginal: boolean;
  /** The stage that the caller runs next, if any: its weights are read while the last step runs. */
  after: Stage | null;
  /** Times of runs so far. */
  timer: RunTimer;
}

/**
 * Measured wall time against the ideal of the same runs with mean times of the same run: for a
 * curve [N(N + 1)/2 t_block + (N + 1) t_head].
 */
export interface PassCost {
  seconds: number;
  idealSeconds: number | null;
  blockRuns: number;
}

/**
 * Runs the steps. States of the original are stored in `original` as they are computed; an empty
 * map starts at the embedding.
 * @param live the states that exist at the start; taken over
 * @throws EspalierError `cancelled` between runs; states computed by then are released except those
 *   in `original`.
 */
export async function runSteps(
  pass: Pass,
  { steps, branchPoints, keepOriginal, after, timer }: StepPlan,
  original: StatesByCut,
  live: LiveState,
  hooks: StepHooks,
): Promise<PassCost> {
  const runs = new Map<string, number>();
  const streams = new Streams(original, steps, branchPoints, keepOriginal, live);
  const total = countBlockRuns(steps);
  const { engine } = pass.chain;
  let done = 0;
  let heads = steps.length - total;
  const nextStages = following(steps, after);
  const started = performance.now() - pass.heldMs;
  const now = (): number => performance.now() - pass.heldMs;
  const save = (): Promise<PassState> => streams.save((state) => pass.read(state));

  const measure = async <T>(kind: string, settle: boolean, work: () => Promise<T>): Promise<T> => {
    const start = now();
    const result = await work();
    if (settle) await engine.settled();
    runs.set(kind, (runs.get(kind) ?? 0) + 1);
    if (settle || engine.onHost || kind === 'head')
      timer.add(kind, (now() - start) / 1000, kind !== 'head');
    return result;
  };

  try {
    if (live.position === 0 && !original.has(0) && steps.length > 0) {
      await hooks.onVisit('embed', steps[0] ? stageOf(steps[0]) : null);
      const state = await pass.embed();
      original.set(0, state);
      await hooks.onOriginal(0, state);
    }
    for (const [at, step] of steps.entries()) {
      await hooks.onVisit(stageOf(step), nextStages[at] ?? null);
      const input = streams.of(step.ablation);
      if (step.kind === 'block') {
        const kind = pass.chain.boundOf(step.unit).program.id;
        const output = await measure(kind, step.ablation === 'original', () =>
          pass.block(step.unit, input),
        );
        streams.advance(step.ablation, step.at, output);
        if (step.ablation === 'original') await hooks.onOriginal(step.at + 1, output);
        done += 1;
        hooks.onBlock(done, total, timer.left(total - done, heads));
      } else {
        hooks.onResult(step.ablation, await measure('head', false, () => pass.head(input)));
        heads -= 1;
        streams.end(step.ablation);
      }
      await hooks.onStep(save);
    }
    return { seconds: (now() - started) / 1000, idealSeconds: timer.ideal(runs), blockRuns: done };
  } catch (error) {
    await hooks.onFailure(error, save);
    throw error;
  } finally {
    streams.release();
  }
}

/** For each step the next stage that differs from its own. */
function following(steps: readonly Step[], after: Stage | null): (Stage | null)[] {
  const out: (Stage | null)[] = new Array(steps.length).fill(after);
  for (let k = steps.length - 2; k >= 0; k--) {
    const [own, next] = [steps[k], steps[k + 1]];
    if (own && next) out[k] = stageOf(own) === stageOf(next) ? (out[k + 1] ?? null) : stageOf(next);
  }
  return out;
}
