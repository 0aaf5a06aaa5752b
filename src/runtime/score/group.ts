// Runs the steps of a schedule on one group of windows, each state computed once; must not compute
// statistics of the results.

import type { Unit } from '../../units.ts';
import type { HiddenStates, IntactStates } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import type { RunTimer } from '../pass/runTimer.ts';
import { countBlockRuns, type Step, stageOf, type Variant } from '../pass/schedule.ts';
import { type LiveState, type PassState, Streams } from '../pass/streams.ts';
import type { Stage } from '../weights/stages.ts';

export interface LeaveOneOutHooks {
  /** Called when the intact model's window NLLs are known, and when each variant's are. */
  onResult(variant: Variant, nllPerWindow: number[]): void;
  /** After each block evaluation (all windows); seconds left is null at first. */
  onBlock(done: number, total: number, secondsLeft: number | null): void;
  /**
   * Before a stage is run: weights may have to be loaded. `next` is the stage that comes after it,
   * null for the last.
   */
  onVisit(stage: Stage, next: Stage | null): Promise<void>;
  /** Each state of the intact stream as it is made, by position. */
  onIntact(at: number, state: HiddenStates): Promise<void>;
  /** After each step; `save` reads everything alive back to the host. */
  onStep(save: () => Promise<PassState>): Promise<void>;
  /** The pass ends early; what is alive goes after this. */
  onFailure(error: unknown, save: () => Promise<PassState>): Promise<void>;
}

/** What to run. */
export interface Leg {
  steps: readonly Step[];
  /** Where each variant leaves the intact stream. */
  starts: ReadonlyMap<Unit, number>;
  /** Intact states stay in the map; otherwise each is dropped once no variant needs it. */
  keepIntact: boolean;
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
 * Runs the steps. Intact states are stored in `intact` as they come; an empty map starts at the
 * embedding.
 * @param live where the streams are when it begins; taken over
 * @throws EspalierError `cancelled` between runs; states made by then are released except those in
 *   `intact`.
 */
export async function leaveOneOut(
  pass: Pass,
  { steps, starts, keepIntact, after, timer }: Leg,
  intact: IntactStates,
  live: LiveState,
  hooks: LeaveOneOutHooks,
): Promise<PassCost> {
  const runs = new Map<string, number>();
  const streams = new Streams(intact, steps, starts, keepIntact, live);
  const total = countBlockRuns(steps);
  const { engine } = pass.chain;
  let done = 0;
  let heads = steps.length - total;
  const nexts = following(steps, after);
  const started = performance.now() - pass.heldMs;
  const now = (): number => performance.now() - pass.heldMs;
  const save = (): Promise<PassState> => streams.save((state) => pass.read(state));

  const measure = async <T>(kind: string, settle: boolean, work: () => Promise<T>): Promise<T> => {
    const start = now();
    const result = await work();
    if (settle) await engine.settled();
    runs.set(kind, (runs.get(kind) ?? 0) + 1);
    if (settle || engine.kind === 'wasm' || kind === 'head')
      timer.add(kind, (now() - start) / 1000, kind !== 'head');
    return result;
  };

  try {
    if (live.front === 0 && !intact.has(0) && steps.length > 0) {
      await hooks.onVisit('embed', steps[0] ? stageOf(steps[0]) : null);
      const state = await pass.embed();
      intact.set(0, state);
      await hooks.onIntact(0, state);
    }
    for (const [at, step] of steps.entries()) {
      await hooks.onVisit(stageOf(step), nexts[at] ?? null);
      const input = streams.of(step.variant);
      if (step.kind === 'block') {
        const kind = pass.chain.boundOf(step.piece).program.id;
        const output = await measure(kind, step.variant === 'intact', () =>
          pass.block(step.piece, input),
        );
        streams.advance(step.variant, step.at, output);
        if (step.variant === 'intact') await hooks.onIntact(step.at + 1, output);
        done += 1;
        hooks.onBlock(done, total, timer.left(total - done, heads));
      } else {
        hooks.onResult(step.variant, await measure('head', false, () => pass.head(input)));
        heads -= 1;
        streams.end(step.variant);
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
