// PPL of a plan from stored hidden states: the intact ones up to the first removed block, then those of the last plan; must not load weights.

import type { HiddenStates } from './hidden.ts';
import type { Pass } from './pass.ts';
import type { IntactStates } from './score.ts';

/** States of the last measured plan, by cut, valid while the removed blocks before that cut are the same. */
export class PlanStates {
  private removed: readonly number[] = [];
  private readonly states: IntactStates = new Map();

  /** The last cut that both plans reach with the same blocks removed before it, and its state. */
  resume(removed: readonly number[]): { cut: number; state: HiddenStates } | null {
    let best: { cut: number; state: HiddenStates } | null = null;
    for (const [cut, state] of this.states) {
      const same = removed.filter((b) => b < cut).join() === this.removed.filter((b) => b < cut).join();
      if (same && (!best || cut > best.cut)) best = { cut, state };
    }
    return best;
  }

  /** Starts a new plan: states that it shares stay. */
  begin(removed: readonly number[]): void {
    for (const [cut, state] of [...this.states]) {
      if (removed.filter((b) => b < cut).join() === this.removed.filter((b) => b < cut).join()) continue;
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
 * Runs the blocks that are left and returns the final hidden states; the caller releases them.
 * @param keep where states on the way are stored, or null.
 */
export async function runPlan(
  pass: Pass,
  removed: readonly number[],
  intact: IntactStates,
  keep: PlanStates | null,
  hooks: { onVisit(block: number): Promise<void>; onBlock(done: number, total: number): void },
): Promise<HiddenStates> {
  const numBlocks = pass.chain.programs.blocks.length;
  const gone = new Set(removed);
  const first = Math.min(numBlocks, ...removed);
  const shared = keep?.resume(removed) ?? null;
  keep?.begin(removed);
  let at = -1;
  let state: HiddenStates | null = null;
  for (let cut = first; cut >= 0 && !state; cut--) {
    const stored = intact.get(cut);
    if (stored) [at, state] = [cut, stored.retain()];
  }
  if (shared && shared.cut > at) {
    state?.release();
    [at, state] = [shared.cut, shared.state.retain()];
  }
  if (!state) [at, state] = [0, await pass.embed()];
  const todo = Array.from({ length: numBlocks - at }, (_, k) => at + k).filter((block) => !gone.has(block));
  try {
    for (const [done, block] of todo.entries()) {
      hooks.onBlock(done, todo.length);
      await hooks.onVisit(block);
      const next = await pass.block(block, state);
      state.release();
      state = next;
      if (block + 1 > first) keep?.store(block + 1, state);
    }
    hooks.onBlock(todo.length, todo.length);
    return state;
  } catch (error) {
    state.release();
    throw error;
  }
}
