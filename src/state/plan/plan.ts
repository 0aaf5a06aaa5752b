// The plan (which blocks are removed, which are locked) and its history, as pure functions.

import { blockOf, sortUnits, sublayerUnit, type Unit } from '../../units.ts';

/**
 * Units in the numbering of the original model, in order. A locked block is never removed, nor are
 * its sublayers.
 */
export interface Plan {
  readonly removed: readonly Unit[];
  readonly locked: readonly number[];
  /** Id of the healing of these units whose weights are used; absent: the weights of the source. */
  readonly healing?: string | undefined;
}

/**
 * Undo and redo of one plan. `label` and `at` (ms) merge the steps of one gesture, such as a slider
 * that is dragged.
 */
export interface PlanHistory {
  readonly present: Plan;
  readonly past: readonly Plan[];
  readonly future: readonly Plan[];
  readonly label: string;
  readonly at: number;
}

export const EMPTY_PLAN: Plan = { removed: [], locked: [] };

/** Steps of the same label within this many ms are one step of undo. */
const MERGE_MS = 1000;
const MAX_STEPS = 200;

export function startHistory(present: Plan = EMPTY_PLAN): PlanHistory {
  return { present, past: [], future: [], label: '', at: 0 };
}

/** Ascending without repeats. */
function sorted(blocks: Iterable<number>): number[] {
  return [...new Set(blocks)].sort((a, b) => a - b);
}

function samePlan(a: Plan, b: Plan): boolean {
  return (
    a.removed.join() === b.removed.join() &&
    a.locked.join() === b.locked.join() &&
    a.healing === b.healing
  );
}

/**
 * Records a new plan. Equal plans record nothing; a `merge` label joins quick steps of one gesture.
 */
export function record(history: PlanHistory, wanted: Plan, merge = '', now = 0): PlanHistory {
  const next = withOwnHealing(history.present, wanted);
  if (samePlan(history.present, next)) return history;
  const joins = merge !== '' && merge === history.label && now - history.at < MERGE_MS;
  const past = joins ? history.past : [...history.past, history.present].slice(-MAX_STEPS);
  return { present: next, past, future: [], label: merge, at: now };
}

/** A healing belongs to the units that were removed when it was made. */
function withOwnHealing(before: Plan, { healing, ...plan }: Plan): Plan {
  const isLeft = healing === before.healing && plan.removed.join() !== before.removed.join();
  return healing === undefined || isLeft ? plan : { ...plan, healing };
}

export function undo(history: PlanHistory): PlanHistory {
  const present = history.past.at(-1);
  if (!present) return history;
  return {
    present,
    past: history.past.slice(0, -1),
    future: [history.present, ...history.future],
    label: '',
    at: 0,
  };
}

export function redo(history: PlanHistory): PlanHistory {
  const [present, ...future] = history.future;
  if (!present) return history;
  return { present, past: [...history.past, history.present], future, label: '', at: 0 };
}

/**
 * The plan with `units` removed or put back; those of locked blocks stay where they are. A block
 * that is put back comes with both sublayers.
 */
export function withUnits(plan: Plan, units: readonly Unit[], removed: boolean): Plan {
  const free = units.filter((unit) => !plan.locked.includes(blockOf(unit)));
  return {
    ...plan,
    removed: removed ? sortUnits([...plan.removed, ...free]) : putBack(plan.removed, free),
  };
}

/** The plan with `blocks` locked (which puts them back) or unlocked. */
export function withLocks(plan: Plan, blocks: readonly number[], locked: boolean): Plan {
  if (!locked) return { ...plan, locked: plan.locked.filter((block) => !blocks.includes(block)) };
  return { removed: putBack(plan.removed, blocks), locked: sorted([...plan.locked, ...blocks]) };
}

/** A sublayer that is put back out of a removed block leaves the other one removed. */
function putBack(removed: readonly Unit[], units: readonly Unit[]): Unit[] {
  const back = new Set(units);
  return removed.flatMap((unit): Unit[] => {
    if (back.has(unit) || back.has(blockOf(unit))) return [];
    if (typeof unit !== 'number') return [unit];
    const both = [sublayerUnit(unit, 'attn'), sublayerUnit(unit, 'ffn')];
    return both.some((one) => back.has(one)) ? both.filter((one) => !back.has(one)) : [unit];
  });
}
