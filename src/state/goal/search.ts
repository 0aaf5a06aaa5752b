// Tries one-shot plans by number of removals until a measured value meets the goal.

import { type Candidate, type Goal, meetsGoal, nextPlan } from '../../analysis/goal.ts';
import { EspalierError, fromReport } from '../../errors.ts';
import { oneShot } from '../criteria/orders.ts';
import type { SpeedContext } from '../speed/job.ts';
import { candidates, measuredValue, SETTINGS } from './candidates.ts';
import type { GoalKind, GoalStep } from './state.ts';

/** The number of removals that meets the goal or, where none does, that came closest. */
export type Outcome = { all: readonly Candidate[] } & (
  | { met: true; k: number }
  | { met: false; k: number | null }
);

/** @throws what the meter throws; the error of the plan when only that failed */
async function measure(
  { get, speedJob }: SpeedContext,
  kind: GoalKind,
  k: number,
): Promise<number> {
  const { result } = await speedJob.measure(oneShot(get(), k), SETTINGS, false);
  const side = k === 0 ? result.original : result.pruned;
  if (side) return measuredValue(kind, side);
  const report = k === 0 ? result.errors.original : result.errors.pruned;
  throw report
    ? fromReport(report)
    : new EspalierError('bug', `The plan of ${k} removals was not measured.`);
}

/** What is known stays as it was first measured; estimates follow the line as it grows. */
function update(all: Candidate[], fresh: readonly Candidate[], k: number, measured: number): void {
  for (const [i, candidate] of all.entries()) {
    candidate.estimated = fresh[i]?.estimated ?? candidate.estimated;
    candidate.measured ??= i === k ? measured : (fresh[i]?.measured ?? null);
  }
}

/**
 * Follows each step in the state.
 * @returns null when it is no longer wanted
 */
export async function searchGoal(
  context: SpeedContext,
  kind: GoalKind,
  goal: Goal,
  isNewest: () => boolean,
): Promise<Outcome | null> {
  const { get, patch } = context;
  const all = candidates(get(), kind);
  const steps: GoalStep[] = [];
  for (;;) {
    const next = nextPlan(all, goal);
    if (next.kind === 'done') return { met: true, k: next.k, all };
    if (next.kind === 'impossible') return { met: false, k: next.best, all };
    const { k, expected: estimated } = next;
    const step: GoalStep = { blocks: k, estimated, measured: null, meets: null };
    patch('goal', { steps: [...steps, step] });
    const measured = await measure(context, kind, k);
    if (!isNewest()) return null;
    steps.push({ ...step, measured, meets: meetsGoal(measured, goal) });
    patch('goal', { steps: [...steps] });
    update(all, candidates(get(), kind), k, measured);
  }
}
