// The leave-one-out pass: every block's NLL when it alone is missing, each state computed once; must not compute statistics of the results.

import type { HiddenStates } from './hidden.ts';
import { Pace } from './pace.ts';
import type { Pass } from './pass.ts';
import { countBlockRuns, type Step, type Variant } from './schedule.ts';

export interface LeaveOneOutHooks {
  /** Called when the intact model's window NLLs are known, and when each variant's are. */
  onResult(variant: Variant, nllPerWindow: number[]): void;
  /** After each block evaluation (all windows); seconds left is null at first. */
  onBlock(done: number, total: number, secondsLeft: number | null): void;
  /** Before `block` is run: weights may have to be loaded. */
  onVisit(block: number): Promise<void>;
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
 * @throws EspalierError `cancelled` between runs; states made by then are released except those in `intact`.
 */
export async function leaveOneOut(
  pass: Pass,
  steps: readonly Step[],
  intact: IntactStates,
  keepIntact: boolean,
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
    if (!intact.has(0)) intact.set(0, await pass.embed());
    for (const step of steps) {
      if (step.kind === 'block') {
        await hooks.onVisit(step.block);
        const input = stream(step.variant);
        const kind = pass.chain.blockAt(step.block).program.id;
        const output = await measure(kind, step.variant === 'intact', () => pass.block(step.block, input));
        if (step.variant === 'intact') {
          front = step.block + 1;
          intact.set(front, output);
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
        if (step.variant !== 'intact') {
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

function drop(intact: IntactStates, cut: number): void {
  intact.get(cut)?.release();
  intact.delete(cut);
}
