// Changing the plan: single blocks, ranges, the k lowest, locks, undo. Every change goes through
// one place so that history and address follow.

import { endLocks } from '../../analysis/ranking.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { withBorrowers, withoutLenders } from '../../model/structure/removable.ts';
import { blockOf, sortUnits, type Unit } from '../../units.ts';
import * as words from '../../words/plan.ts';
import { planFromHash, workspaceFromHash } from '../address.ts';
import type { Context } from '../context.ts';
import { currentOrder, droppable, oneShot } from '../criteria/orders.ts';
import { numBlocksOf } from '../open/selectors.ts';
import {
  droppableSublayers,
  isRemoved,
  lowestSublayers,
  showsSublayers,
} from '../sublayers/selectors.ts';
import type { ToastAction } from '../view/state.ts';
import { emptyObstacle, lowestRefusal, toggleObstacle } from './obstacles.ts';
import { type Plan, type PlanHistory, record, redo, undo, withLocks, withUnits } from './plan.ts';
import { isOwnChoice, keptWords, removableUnits } from './selectors.ts';

const UNDO: ToastAction = { command: 'undo', label: words.UNDO };

export interface PlanActions {
  /** Removes a unit or puts it back; a block becomes the anchor of the next range. */
  toggle(unit: Unit): void;
  /** Gives all blocks from the anchor to `block` the anchor's state. */
  extendTo(block: number): void;
  /** All blocks from `a` to `b`, both included; locked and unremovable ones stay. */
  setRange(a: number, b: number, removed: boolean): void;
  /**
   * Removes the k least important blocks by the current order (sublayers where those are shown),
   * and no others. A refusal leaves the plan as it is.
   */
  dropLowest(k: number): void;
  /**
   * Makes an order the current one. A plan of the lowest by the order before becomes the same
   * number by this one; another plan stays.
   */
  setOrder(name: string): void;
  setLock(block: number, locked: boolean): void;
  /** Locks or unlocks the first 4 and the last 2. */
  lockEnds(on: boolean): void;
  keepAll(): void;
  undo(): void;
  redo(): void;
  /**
   * Removes exactly these, as from a file; locks of other blocks stay. With a healing of theirs,
   * both are one step of undo.
   */
  setRemoved(removed: readonly Unit[], healing?: string): void;
  /**
   * Gives the plan a healing of its units, or the weights of the source.
   * @param inPlace no step of undo: it goes with the plan
   */
  setHealing(id: string | null, inPlace?: boolean): void;
  /**
   * Follows plan and workspace of the address bar after someone edited it; an address that cannot
   * be read is written anew.
   */
  followAddress(): void;
}

export function makePlanActions(context: Context): PlanActions {
  const { get, patch, address } = context;
  let anchor: number | null = null;

  function commit(history: PlanHistory): void {
    const before = get().plan.present.removed;
    patch('plan', { ...history, refusal: '' });
    if (before.join() === history.present.removed.join()) return;
    context.writeAddress();
    context.clear('plan');
    context.clear('export');
  }

  /** Every edit comes by here; one that leaves no block is refused. @returns whether it was made */
  function edit(wanted: Plan, merge = ''): boolean {
    // A block that lends its cache comes back with those that read it.
    const plan = { ...wanted, removed: withoutLenders(blocks(), wanted.removed) };
    const refused = emptyObstacle(numBlocksOf(get()), plan.removed);
    if (refused !== null) context.toast(refused);
    else commit(record(get().plan, plan, merge, context.now()));
    return refused === null;
  }

  /** Says what a step that shows nowhere else has led to. */
  function say(what: string): void {
    const { model, plan } = get();
    if (model.current)
      context.announce(words.keptAfter(what, keptWords(model.current, plan.present.removed)));
  }

  const blocks = (): ModelSummary['blocks'] => get().model.current?.summary.blocks ?? [];

  const removable = <U extends Unit>(units: readonly U[]): U[] => removableUnits(blocks(), units);

  function setRange(a: number, b: number, removed: boolean): void {
    const range = Array.from({ length: Math.abs(b - a) + 1 }, (_, i) => Math.min(a, b) + i);
    const plan = get().plan.present;
    const whole = removableUnits(blocks(), range, sortUnits([...plan.removed, ...range]));
    edit(withUnits(plan, removed ? whole : range, removed));
  }

  function dropLowest(k: number): void {
    const ofSublayers = showsSublayers(get());
    if (!ofSublayers && !currentOrder(get())) return;
    const plan = get().plan.present;
    const most = ofSublayers ? droppableSublayers(get()) : droppable(get());
    if (!Number.isInteger(k) || k < 0 || k > most) {
      const refusal = ofSublayers
        ? `${k} sublayers cannot be removed: at most ${most} can.`
        : lowestRefusal(get(), k, most);
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
      const reason = toggleObstacle(get(), unit);
      if (reason) return context.toast(reason);
      const plan = get().plan.present;
      if (typeof unit === 'number') anchor = unit;
      const removed = !isRemoved(plan.removed, unit);
      const units = removed ? withBorrowers(blocks(), [unit]) : [unit];
      if (!edit(withUnits(plan, units, removed))) return;
      const left = get().plan.present.removed;
      const lender = plan.removed
        .filter((one) => !left.includes(one))
        .map(blockOf)
        .find((block) => block !== blockOf(unit));
      if (units.length > 1) context.toast(words.takenAlong(unit, units), UNDO);
      else if (lender !== undefined) context.toast(words.broughtBack(unit, lender), UNDO);
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
    setLock(block, locked) {
      edit(withLocks(get().plan.present, [block], locked));
      say(words.DONE.lock(block, locked));
    },
    lockEnds(on) {
      edit(withLocks(get().plan.present, endLocks(numBlocksOf(get())), on));
      say(words.DONE.lockEnds(on));
    },
    keepAll() {
      const { present } = get().plan;
      if (present.removed.length === 0) return;
      edit({ ...present, removed: [] });
      context.toast(words.allKept(numBlocksOf(get())), UNDO);
    },
    undo() {
      commit(undo(get().plan));
      say(words.DONE.undo);
    },
    redo() {
      commit(redo(get().plan));
      say(words.DONE.redo);
    },
    setRemoved(units, healing) {
      const removed = sortUnits(removable(units));
      edit({
        removed,
        healing: removed.join() === sortUnits(units).join() ? healing : undefined,
        locked: get().plan.present.locked.filter(
          (block) => !removed.some((unit) => blockOf(unit) === block),
        ),
      });
    },
    setHealing(id, inPlace = false) {
      const { present } = get().plan;
      const next = { ...present, healing: id ?? undefined };
      if (inPlace) patch('plan', { present: next });
      else commit(record(get().plan, next, '', context.now()));
    },
    followAddress() {
      const hash = address.read();
      const removed = planFromHash(hash);
      const plan = get().plan.present;
      if (!get().model.current) return;
      patch('view', { workspace: workspaceFromHash(hash) });
      if (removed?.join() === plan.removed.join()) return;
      if (removed)
        edit({
          ...plan,
          removed: sortUnits(
            removable(removed).filter((unit) => !plan.locked.includes(blockOf(unit))),
          ),
        });
      context.writeAddress();
    },
  };
}
