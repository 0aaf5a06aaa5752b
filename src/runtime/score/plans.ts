// Runs a plan from stored hidden states: those of the original up to the first removed unit, or the
// first with changed weights, then those that it shares with the last plan.

import { firstChangedBlock } from '../../model/healing/programs.ts';
import { blockOf, type Unit } from '../../units.ts';
import type { HiddenStates, StatesByCut } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import { remainderOf } from '../pass/schedule.ts';
import type { Stage } from '../weights/stages.ts';

/** The units that a plan removes before a cut, as a key. */
function before(removed: readonly Unit[], cut: number): string {
  return removed.filter((unit) => blockOf(unit) < cut).join();
}

/**
 * States of the last measured plan, by cut, valid while the removed units before that cut are the
 * same.
 */
export class PlanStates {
  private removed: readonly Unit[] = [];
  private readonly states: StatesByCut = new Map();

  /** The last cut that both plans reach with the same units removed before it, and its state. */
  resume(removed: readonly Unit[]): { cut: number; state: HiddenStates } | null {
    let best: { cut: number; state: HiddenStates } | null = null;
    for (const [cut, state] of this.states) {
      if (before(removed, cut) === before(this.removed, cut) && (!best || cut > best.cut))
        best = { cut, state };
    }
    return best;
  }

  /** Starts a new plan: states that it shares stay. */
  begin(removed: readonly Unit[]): void {
    for (const [cut, state] of [...this.states]) {
      if (before(removed, cut) === before(this.removed, cut)) continue;
      state.release();
      this.states.delete(cut);
    }
    this.removed = removed;
  }

  store(cut: number, state: HiddenStates): void {
    this.states.get(cut)?.release();
    this.states.set(cut, state.retain());
  }

  clear(): void {
    for (const state of this.states.values()) state.release();
    this.states.clear();
    this.removed = [];
  }
}

/**
 * Where states are taken from and stored for later plans; `plan` is null where there is no room for
 * the states of a plan.
 */
export interface StoredStates {
  original: StatesByCut;
  plan: PlanStates | null;
}

/**
 * Runs what remains of the blocks and returns the final hidden states; the caller releases them.
 * Without stored states it starts at the embedding. With changed weights states of plans are
 * neither used nor stored, and those of the original up to the first change only.
 * @throws EspalierError `cancelled`; what was stored by then stays valid.
 */
export async function runPlan(
  pass: Pass,
  removed: readonly Unit[],
  from: StoredStates | null,
  hooks: {
    onVisit(stage: Stage, next: Stage | null): Promise<void>;
    onBlock(done: number, total: number): void;
  },
): Promise<HiddenStates> {
  const { programs, chain } = pass;
  const numBlocks = programs.blocks.length;
  const units = new Set(removed);
  const stored = sharedStates(pass, from);
  const first = Math.min(
    numBlocks,
    firstChangedBlock(chain.programs, programs),
    ...removed.map(blockOf),
  );
  const remainders = Array.from({ length: numBlocks }, (_, block) => remainderOf(block, units));
  const firstLeft = remainders.findIndex((unit) => unit !== null);
  let { cut, state } = await furthestState(pass, removed, first, stored, () =>
    hooks.onVisit('embed', firstLeft < 0 ? 'head' : firstLeft),
  );
  stored?.plan?.begin(removed);
  const todo = remainders.slice(cut).filter((unit) => unit !== null);
  try {
    for (const [done, unit] of todo.entries()) {
      hooks.onBlock(done, todo.length);
      const following = todo[done + 1];
      await hooks.onVisit(blockOf(unit), following === undefined ? 'head' : blockOf(following));
      const next = await pass.block(unit, state);
      state.release();
      state = next;
      cut = blockOf(unit) + 1;
      if (cut > first) stored?.plan?.store(cut, state);
      else if (stored && !stored.original.has(cut)) stored.original.set(cut, state.retain());
    }
    hooks.onBlock(todo.length, todo.length);
    return state;
  } catch (error) {
    state.release();
    throw error;
  }
}

/** What of the stored states holds for the weights of a pass. */
function sharedStates({ chain, programs }: Pass, stored: StoredStates | null): StoredStates | null {
  if (programs === chain.programs || stored === null) return stored;
  return programs.embed === chain.programs.embed ? { ...stored, plan: null } : null;
}

/** The furthest stored state that the plan passes through, retained for the caller. */
async function furthestState(
  pass: Pass,
  removed: readonly Unit[],
  first: number,
  stored: StoredStates | null,
  onEmbed: () => Promise<void>,
): Promise<{ cut: number; state: HiddenStates }> {
  const shared = stored?.plan?.resume(removed);
  if (shared && shared.cut > first) return { cut: shared.cut, state: shared.state.retain() };
  for (let cut = first; cut >= 0; cut--) {
    const state = stored?.original.get(cut);
    if (state) return { cut, state: state.retain() };
  }
  await onEmbed();
  const state = await pass.embed();
  if (stored) stored.original.set(0, state.retain());
  return { cut: 0, state };
}
