// Runs batches through several variants of a model together: the weights of each block are visited
// once for all of them, and variants share states for as long as they run the same.

import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import { HiddenStates } from '../pass/hidden.ts';
import { programOf, type Stage } from '../weights/stages.ts';
import type { Batch } from './batch.ts';
import type { BatchRuns } from './batchRuns.ts';

/** What runs: a model, and what is left of each of its blocks. */
export interface RunVariant {
  programs: ScorePrograms;
  /** What runs in place of each block, null for nothing. */
  remainders: readonly (Unit | null)[];
}

/** A batch, how it runs, and on which variants. */
export interface RunItem {
  batch: Batch;
  runs: BatchRuns;
  variants: readonly RunVariant[];
}

export interface RunHooks {
  /** Before a stage runs. @param next the stage after it, null for none */
  visit(stage: Stage, next: Stage | null): Promise<void>;
  /** Makes the program of a sublayer ready. */
  prepare(sublayer: BoundProgram): Promise<void>;
  /** Between two runs. @throws EspalierError `cancelled` */
  turn(): Promise<void>;
  /** Share of the work done. */
  onShare(share: number): void;
}

/**
 * Negative log-likelihoods by item and variant, in the order of the batch's predictions, nats.
 * @param after the stage that the caller runs next
 * @throws EspalierError of the engine and the weight store; every state is freed then
 */
export async function runItems(
  items: readonly RunItem[],
  after: Stage | null,
  hooks: RunHooks,
): Promise<Float32Array[][]> {
  const blocks = items[0]?.variants[0]?.remainders.length ?? 0;
  const used = Array.from({ length: blocks }, (_, block) => block).filter((block) =>
    items.some(({ variants }) => variants.some(({ remainders }) => remainders[block] !== null)),
  );
  const states: HiddenStates[][] = items.map(() => []);
  try {
    await hooks.visit('embed', used[0] ?? 'head');
    for (const [k, item] of items.entries()) await embed(item, states[k]!, hooks);
    for (const [at, block] of used.entries()) {
      await hooks.visit(block, used[at + 1] ?? 'head');
      for (const [k, item] of items.entries()) await runBlock(item, block, states[k]!, hooks);
      hooks.onShare((at + 1) / (used.length + 1));
    }
    await hooks.visit('head', after);
    const out: Float32Array[][] = [];
    for (const [k, item] of items.entries()) out.push(await runHead(item, states[k]!, hooks));
    hooks.onShare(1);
    return out;
  } finally {
    for (const own of states) for (const state of own) state.release();
  }
}

async function embed(item: RunItem, states: HiddenStates[], hooks: RunHooks): Promise<void> {
  const { batch, runs, variants } = item;
  const made = new Map<object, HiddenStates>();
  for (const { programs } of variants) {
    const known = made.get(programs.embed);
    if (!known) await hooks.turn();
    const state = known?.retain() ?? new HiddenStates([await runs.embed(batch, programs)]);
    made.set(programs.embed, state);
    states.push(state);
  }
}

/** Each state makes room for the next one of its variant. */
async function runBlock(
  { batch, runs, variants }: RunItem,
  block: number,
  states: HiddenStates[],
  hooks: RunHooks,
): Promise<void> {
  const made = new Map<HiddenStates, Map<object, HiddenStates>>();
  const next: HiddenStates[] = [];
  try {
    for (const [v, variant] of variants.entries()) {
      const before = states[v]!;
      const unit = variant.remainders[block] ?? null;
      if (unit === null) {
        next.push(before.retain());
        continue;
      }
      const bound = programOf(variant.programs, unit);
      const own = made.get(before) ?? new Map<object, HiddenStates>();
      made.set(before, own);
      let state = own.get(bound)?.retain();
      if (!state) {
        await hooks.turn();
        if (typeof unit !== 'number') await hooks.prepare(bound);
        state = new HiddenStates([await runs.block(bound, batch, before.tensors[0]!)]);
        own.set(bound, state);
      }
      next.push(state);
    }
  } catch (error) {
    for (const state of next) state.release();
    throw error;
  }
  for (const [v, state] of next.entries()) {
    states[v]!.release();
    states[v] = state;
  }
}

async function runHead(
  { batch, runs, variants }: RunItem,
  states: readonly HiddenStates[],
  hooks: RunHooks,
): Promise<Float32Array[]> {
  const known = new Map<HiddenStates, Map<object, Float32Array>>();
  const out: Float32Array[] = [];
  for (const [v, { programs }] of variants.entries()) {
    const state = states[v]!;
    const own = known.get(state) ?? new Map<object, Float32Array>();
    known.set(state, own);
    const nll =
      own.get(programs.head) ??
      (await runs.nll(programs, batch, state.tensors[0]!, () => hooks.turn()));
    own.set(programs.head, nll);
    out.push(nll);
  }
  return out;
}
