// The leave-one-out pass: every block's NLL when it alone is missing, each state computed once; must not compute statistics of the results.

import type { HiddenStates } from './hidden.ts';
import { Pace } from './pace.ts';
import type { Pass } from './pass.ts';
import { countBlockRuns, type Step, stageOf, type Variant } from './schedule.ts';
import type { Stage } from './stages.ts';

export interface LeaveOneOutHooks {
  /** Called when the intact model's window NLLs are known, and when each variant's are. */
  onResult(variant: Variant, nllPerWindow: number[]): void;
  /** After each block evaluation (all windows); seconds left is null at first. */
  onBlock(done: number, total: number, secondsLeft: number | null): void;
  /** Before a stage is run: weights may have to be loaded. `next` is the stage that comes after it, null for the last. */
  onVisit(stage: Stage, next: Stage | null): Promise<void>;
}

/** Intact states by cut; index b is the stream before block b. The map's owner releases them. */
export type IntactStates = Map<number, HiddenStates>;

/** Measured wall time against the ideal of [N(N + 1)/2 t_block + (N + 1) t_head] with times of the same run. */
export interface PassCost {
  seconds: number;
  idealSeconds: number | null;
}

/**
 * Runs the schedule. Intact states are stored in `intact` as they come; with `keepIntact` false each is dropped once no variant needs it.
 * @param after the stage that the caller runs next, if any: its weights are read while the last step runs.
 * @throws EspalierError `cancelled` between runs; states made by then are released except those in `intact`.
 */
export async function leaveOneOut(
  pass: Pass,
  steps: readonly Step[],
  intact: IntactStates,
  keepIntact: boolean,
  after: Stage | null,
  hooks: LeaveOneOutHooks,
): Promise<PassCost> {
  const pace = new Pace();
  const runs = new Map<string, number>();
  const streams = new Map<number, HiddenStates>();
  const total = countBlockRuns(steps);
  const { engine } = pass.chain;
  let done = 0;
  let heads = steps.length - total;
  let front = 0;
  const variants = new Set(steps.map((step) => step.variant));
  const nexts = following(steps, after);
  const started = performance.now();

  const stream = (variant: Variant): HiddenStates => {
    const state = variant === 'intact' ? intact.get(front) : (streams.get(variant) ?? intact.get(variant));
    if (!state) throw new Error(`no hidden state for ${variant}`);
    return state;
  };

  const measure = async <T>(kind: string, settle: boolean, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    if (settle) await engine.settled();
    runs.set(kind, (runs.get(kind) ?? 0) + 1);
    if (settle || engine.kind === 'wasm' || kind === 'head') pace.add(kind, (performance.now() - start) / 1000, kind !== 'head');
    return result;
  };

  try {
    if (!intact.has(0)) {
      await hooks.onVisit('embed', steps[0] ? stageOf(steps[0]) : null);
      intact.set(0, await pass.embed());
    }
    for (const [at, step] of steps.entries()) {
      await hooks.onVisit(stageOf(step), nexts[at] ?? null);
      if (step.kind === 'block') {
        const input = stream(step.variant);
        const kind = pass.chain.blockAt(step.block).program.id;
        const output = await measure(kind, step.variant === 'intact', () => pass.block(step.block, input));
        if (step.variant === 'intact') {
          front = step.block + 1;
          intact.set(front, output);
          if (!keepIntact && !variants.has(step.block)) drop(intact, step.block);
        } else {
          streams.get(step.variant)?.release();
          streams.set(step.variant, output);
          if (!keepIntact) drop(intact, step.variant);
        }
        done += 1;
        hooks.onBlock(done, total, pace.left(total - done, heads));
      } else {
        const input = stream(step.variant);
        hooks.onResult(step.variant, await measure('head', false, () => pass.head(input)));
        heads -= 1;
        if (step.variant === 'intact') {
          if (!keepIntact) drop(intact, front);
        } else {
          streams.get(step.variant)?.release();
          streams.delete(step.variant);
          if (!keepIntact) drop(intact, step.variant);
        }
      }
    }
    return { seconds: (performance.now() - started) / 1000, idealSeconds: pace.ideal(runs) };
  } finally {
    for (const state of streams.values()) state.release();
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

function drop(intact: IntactStates, cut: number): void {
  intact.get(cut)?.release();
  intact.delete(cut);
}
