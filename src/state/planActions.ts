// Changing the plan: single blocks, ranges, the k lowest, locks, undo. Every change goes through one place so that history and address follow.

import { endLocks, lowest } from '../analysis/ranking.ts';
import { EspalierError } from '../errors.ts';
import type { Context } from './context.ts';
import { planFromHash, planToHash } from './hash.ts';
import type { Address } from './modelActions.ts';
import { type Plan, type PlanHistory, record, redo, undo, withBlocks, withLocks } from './plan.ts';

export interface PlanActions {
  /** Removes a block or puts it back; it becomes the anchor of the next range. */
  toggle(block: number): void;
  /** Gives all blocks from the anchor to `block` the anchor's state. */
  extendTo(block: number): void;
  /** All blocks from `a` to `b`, both included; locked and unremovable ones stay. */
  setRange(a: number, b: number, removed: boolean): void;
  /** The k least important blocks of the curve, and no others. A refusal leaves the plan as it is. */
  dropLowest(k: number): void;
  setLock(block: number, locked: boolean): void;
  /** Locks or unlocks the first 4 and the last 2. */
  protectEnds(on: boolean): void;
  keepAll(): void;
  undo(): void;
  redo(): void;
  /** Takes a whole set, as from a file or the address bar. */
  setRemoved(removed: readonly number[]): void;
  /** Takes the plan of the address bar, after someone edited it. */
  followAddress(): void;
}

export function makePlanActions(context: Context, address: Address, onChange: () => void): PlanActions {
  const { get, patch } = context;
  let anchor: number | null = null;

  function commit(history: PlanHistory): void {
    const before = get().plan.present.removed;
    patch('plan', { ...history, refusal: '' });
    if (before.join() === history.present.removed.join()) return;
    address.write(planToHash(history.present.removed));
    context.clear('plan');
    onChange();
  }

  const edit = (plan: Plan, merge = '') => commit(record(get().plan, plan, merge, context.now()));

  function removable(blocks: readonly number[]): number[] {
    const all = get().model.current?.summary.blocks ?? [];
    return blocks.filter((block) => all[block] && !all[block].unremovable);
  }

  function whyNot(block: number): string | null {
    const summary = get().model.current?.summary.blocks[block];
    if (!summary) return `There is no block ${block}.`;
    if (summary.unremovable) return `Block ${block} cannot be removed: ${summary.unremovable}`;
    return get().plan.present.locked.includes(block) ? `Block ${block} is locked. Unlock it first.` : null;
  }

  function setRange(a: number, b: number, removed: boolean): void {
    const blocks = Array.from({ length: Math.abs(b - a) + 1 }, (_, i) => Math.min(a, b) + i);
    edit(withBlocks(get().plan.present, removed ? removable(blocks) : blocks, removed));
  }

  return {
    toggle(block) {
      const reason = whyNot(block);
      if (reason) return context.toast(reason);
      const plan = get().plan.present;
      anchor = block;
      edit(withBlocks(plan, [block], !plan.removed.includes(block)));
    },
    extendTo(block) {
      const from = anchor ?? block;
      anchor = from;
      setRange(from, block, get().plan.present.removed.includes(from));
    },
    setRange,
    dropLowest(k) {
      const curve = get().score.curve;
      if (!curve) return;
      const plan = get().plan.present;
      try {
        const order = removable(curve.result.order);
        edit({ ...plan, removed: [...lowest(order, k, plan.locked)].sort((a, b) => a - b) }, 'lowest');
      } catch (error) {
        if (!(error instanceof EspalierError)) throw error;
        const refusal = `${error.message} ${error.hint}`.trim();
        patch('plan', { refusal });
        context.announce(refusal);
      }
    },
    setLock: (block, locked) => edit(withLocks(get().plan.present, [block], locked)),
    protectEnds(on) {
      const numBlocks = get().model.current?.summary.numBlocks ?? 0;
      edit(withLocks(get().plan.present, endLocks(numBlocks), on));
    },
    keepAll: () => edit({ ...get().plan.present, removed: [] }),
    undo: () => commit(undo(get().plan)),
    redo: () => commit(redo(get().plan)),
    setRemoved: (removed) => edit({ removed: removable(removed), locked: [] }),
    followAddress() {
      const removed = planFromHash(address.read());
      const plan = get().plan.present;
      if (!removed || !get().model.current || removed.join() === plan.removed.join()) return;
      edit({ ...plan, removed: removable(removed).filter((block) => !plan.locked.includes(block)) });
      address.write(planToHash(get().plan.present.removed));
    },
  };
}
