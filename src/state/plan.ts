// The plan (which blocks go, which are locked) and its history as pure functions; must not know of models or scores.

/** Blocks in the numbering of the original model, ascending. A locked block is never removed. */
export interface Plan {
  readonly removed: readonly number[];
  readonly locked: readonly number[];
}

/** Undo and redo of one plan. `label` and `at` (ms) merge the steps of one gesture, such as a slider that is dragged. */
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
  return a.removed.join() === b.removed.join() && a.locked.join() === b.locked.join();
}

/** Records a new plan. Equal plans record nothing; a `merge` label joins quick steps of one gesture. */
export function record(history: PlanHistory, next: Plan, merge = '', now = 0): PlanHistory {
  if (samePlan(history.present, next)) return history;
  const joins = merge !== '' && merge === history.label && now - history.at < MERGE_MS;
  const past = joins ? history.past : [...history.past, history.present].slice(-MAX_STEPS);
  return { present: next, past, future: [], label: merge, at: now };
}

export function undo(history: PlanHistory): PlanHistory {
  const present = history.past.at(-1);
  if (!present) return history;
  return { present, past: history.past.slice(0, -1), future: [history.present, ...history.future], label: '', at: 0 };
}

export function redo(history: PlanHistory): PlanHistory {
  const [present, ...future] = history.future;
  if (!present) return history;
  return { present, past: [...history.past, history.present], future, label: '', at: 0 };
}

/** The plan with `blocks` removed or put back; locked blocks stay where they are. */
export function withBlocks(plan: Plan, blocks: readonly number[], removed: boolean): Plan {
  const free = blocks.filter((block) => !plan.locked.includes(block));
  const next = removed ? [...plan.removed, ...free] : plan.removed.filter((block) => !free.includes(block));
  return { ...plan, removed: sorted(next) };
}

/** The plan with `blocks` locked (which puts them back) or unlocked. */
export function withLocks(plan: Plan, blocks: readonly number[], locked: boolean): Plan {
  if (!locked) return { ...plan, locked: plan.locked.filter((block) => !blocks.includes(block)) };
  return { removed: plan.removed.filter((block) => !blocks.includes(block)), locked: sorted([...plan.locked, ...blocks]) };
}
