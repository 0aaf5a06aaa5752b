// Changing the plan: single blocks, ranges, the k lowest, locks, undo. Every change goes through
// one place so that history and address follow.

import { endLocks } from '../../analysis/ranking.ts';
import { unitObstacle } from '../../model/structure/removable.ts';
import { blockOf, sortUnits, sublayerOf, sublayerUnit, type Unit } from '../../units.ts';
import type { Address, Context } from '../context.ts';
import { droppable, oneShot, orderInForce, takable } from '../criteria/orders.ts';
import {
  droppableSublayers,
  isRemoved,
  lowestSublayers,
  showsSublayers,
} from '../score/sublayerSelectors.ts';
import { isOwnChoice, removableUnits } from '../selectors.ts';
import { planFromHash, planToHash } from './address.ts';
import { type Plan, type PlanHistory, record, redo, undo, withLocks, withUnits } from './plan.ts';

export interface PlanActions {
  /** Removes a unit or puts it back; a block becomes the anchor of the next range. */
  toggle(unit: Unit): void;
  /** Gives all blocks from the anchor to `block` the anchor's state. */
  extendTo(block: number): void;
  /** All blocks from `a` to `b`, both included; locked and unremovable ones stay. */
  setRange(a: number, b: number, removed: boolean): void;
  /**
   * The k least important blocks by the order in force (parts of blocks where those are shown), and
   * no others. A refusal leaves the plan as it is.
   */
  dropLowest(k: number): void;
  /**
   * Puts an order in force. A plan of the lowest by the order before becomes the same number by
   * this one; another plan stays.
   */
  setOrder(name: string): void;
  setLock(block: number, locked: boolean): void;
  /** Locks or unlocks the first 4 and the last 2. */
  protectEnds(on: boolean): void;
  keepAll(): void;
  undo(): void;
  redo(): void;
  /** Takes a whole set, as from a file; locks of other blocks stay. */
  setRemoved(removed: readonly Unit[]): void;
  /**
   * Takes the plan of the address bar, after someone edited it; an address that cannot be read is
   * set right.
   */
  followAddress(): void;
}

export function makePlanActions(
  context: Context,
  address: Address,
  onChange: () => void,
): PlanActions {
  const { get, patch } = context;
  let anchor: number | null = null;

  function commit(history: PlanHistory): void {
    const before = get().plan.present.removed;
    patch('plan', { ...history, refusal: '' });
    if (before.join() === history.present.removed.join()) return;
    address.write(planToHash(history.present.removed));
    context.clear('plan');
    context.clear('export');
    onChange();
  }

  const edit = (plan: Plan, merge = '') => commit(record(get().plan, plan, merge, context.now()));

  const removable = <U extends Unit>(units: readonly U[]): U[] =>
    removableUnits(get().model.current?.summary.blocks ?? [], units);

  function whyNot(unit: Unit): string | null {
    const block = blockOf(unit);
    const blocks = get().model.current?.summary.blocks ?? [];
    const wrong = unitObstacle(blocks, unit);
    if (wrong !== null) return wrong;
    // With its other part removed before, this one takes the whole block.
    const other = sublayerUnit(block, sublayerOf(unit) === 'attn' ? 'ffn' : 'attn');
    const { removed } = get().plan.present;
    const takesBlock = removed.includes(other) && !removed.includes(unit);
    const whole = takesBlock ? unitObstacle(blocks, block) : null;
    if (whole !== null) return whole;
    return get().plan.present.locked.includes(block)
      ? `Block ${block} is locked. Unlock it first.`
      : null;
  }

  /** Why the k lowest cannot go, with counts of the whole model. */
  function whyNotLowest(k: number, most: number): string {
    const blocks = get().model.current?.summary.numBlocks ?? 0;
    if (orderInForce(get())?.contiguous)
      return (
        `${k} neighbouring blocks cannot be removed: no more than ${most} unlocked ones of ` +
        `${blocks} lie side by side. Unlock blocks or remove at most ${most}.`
      );
    if (most === blocks - 1)
      return `${k} blocks cannot be removed: one of the ${blocks} must stay. Remove at most ${most}.`;
    const kept = blocks - takable(get());
    const fixed = kept > 0 ? ` (${kept} cannot be left out)` : '';
    return (
      `${k} blocks cannot be removed: only ${most} of ${blocks} are unlocked${fixed}. Unlock ` +
      `blocks or remove at most ${most}.`
    );
  }

  function setRange(a: number, b: number, removed: boolean): void {
    const blocks = Array.from({ length: Math.abs(b - a) + 1 }, (_, i) => Math.min(a, b) + i);
    edit(withUnits(get().plan.present, removed ? removable(blocks) : blocks, removed));
  }

  function dropLowest(k: number): void {
    const ofSublayers = showsSublayers(get());
    if (!ofSublayers && !orderInForce(get())) return;
    const plan = get().plan.present;
    const most = ofSublayers ? droppableSublayers(get()) : droppable(get());
    if (!Number.isInteger(k) || k < 0 || k > most) {
      const refusal = ofSublayers
        ? `${k} parts cannot be removed: at most ${most} may go.`
        : whyNotLowest(k, most);
      patch('plan', { refusal });
      context.announce(refusal);
      return;
    }
    edit(
      { ...plan, removed: ofSublayers ? lowestSublayers(get(), k) : oneShot(get(), k) },
      'lowest',
    );
  }

  return {
    toggle(unit) {
      const reason = whyNot(unit);
      if (reason) return context.toast(reason);
      const plan = get().plan.present;
      if (typeof unit === 'number') anchor = unit;
      edit(withUnits(plan, [unit], !isRemoved(plan.removed, unit)));
    },
    extendTo(block) {
      const from = anchor ?? block;
      anchor = from;
      setRange(from, block, get().plan.present.removed.includes(from));
    },
    setRange,
    dropLowest,
    setOrder(name) {
      const { removed } = get().plan.present;
      const follows = removed.length > 0 && !showsSublayers(get()) && !isOwnChoice(get());
      patch('criteria', { orderBy: name });
      if (follows) dropLowest(removed.length);
    },
    setLock: (block, locked) => edit(withLocks(get().plan.present, [block], locked)),
    protectEnds(on) {
      const numBlocks = get().model.current?.summary.numBlocks ?? 0;
      edit(withLocks(get().plan.present, endLocks(numBlocks), on));
    },
    keepAll: () => edit({ ...get().plan.present, removed: [] }),
    undo: () => commit(undo(get().plan)),
    redo: () => commit(redo(get().plan)),
    setRemoved(units) {
      const removed = sortUnits(removable(units));
      edit({
        removed,
        locked: get().plan.present.locked.filter(
          (block) => !removed.some((unit) => blockOf(unit) === block),
        ),
      });
    },
    followAddress() {
      const removed = planFromHash(address.read());
      const plan = get().plan.present;
      if (!get().model.current || removed?.join() === plan.removed.join()) return;
      if (removed)
        edit({
          ...plan,
          removed: sortUnits(
            removable(removed).filter((unit) => !plan.locked.includes(blockOf(unit))),
          ),
        });
      address.write(planToHash(get().plan.present.removed));
    },
  };
}
