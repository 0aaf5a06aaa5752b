// "At least X tokens/s", "at most Y bytes": tries one-shot plans until a measured value holds. Must
// never call an estimate a result.

import { type Candidate, meetsGoal, nextPlan } from '../../analysis/goal.ts';
import { EspalierError, fromReport, isCancelled } from '../../errors.ts';
import { oneShot } from '../criteria/orders.ts';
import { engineJob } from '../jobs.ts';
import type { PlanActions } from '../plan/actions.ts';
import type { SpeedContext } from '../speed/job.ts';
import { candidates, goalOf, measuredValue, SETTINGS } from './candidates.ts';
import { goalObstacle } from './selectors.ts';
import type { GoalKind, GoalStep } from './state.ts';
import { foundWords, impossibleWords, UNCHANGED } from './verdict.ts';

export interface GoalActions {
  setGoal(fields: { kind?: GoalKind; value?: number | null }): void;
  /**
   * Searches the plan with the fewest removals that meets the goal; found, it becomes the plan in
   * one undo step.
   */
  findPlan(): Promise<void>;
  stopGoalSearch(): void;
}

export function makeGoalActions(
  context: SpeedContext,
  others: Pick<PlanActions, 'setRemoved'>,
): GoalActions {
  const { get, patch, store, speedJob } = context;
  const requests = context.newest();

  /** @throws what the meter throws; the error of the plan when only that failed */
  async function measure(kind: GoalKind, k: number): Promise<number> {
    const { result } = await speedJob.measure(oneShot(get(), k), SETTINGS, false);
    const side = k === 0 ? result.original : result.pruned;
    if (side) return measuredValue(kind, side);
    const report = k === 0 ? result.errors.original : result.errors.pruned;
    throw report
      ? fromReport(report)
      : new EspalierError('bug', `The plan of ${k} removals was not measured.`);
  }

  /**
   * What is known stays as it was first measured; estimates follow the line as it grows.
   */
  function update(all: Candidate[], kind: GoalKind, k: number, measured: number): void {
    const fresh = candidates(get(), kind);
    for (const [i, candidate] of all.entries()) {
      candidate.estimated = fresh[i]?.estimated ?? candidate.estimated;
      candidate.measured ??= i === k ? measured : (fresh[i]?.measured ?? null);
    }
  }

  /** @returns the number of removals that was found, if any, and how the search ended */
  async function search(
    kind: GoalKind,
    value: number,
    isNewest: () => boolean,
  ): Promise<{ k: number | null; verdict: string }> {
    const goal = goalOf(kind, value);
    const all = candidates(get(), kind);
    const steps: GoalStep[] = [];
    for (;;) {
      const next = nextPlan(all, goal);
      if (next.kind === 'done')
        return { k: next.k, verdict: foundWords(kind, value, next.k, all[next.k]!.measured!) };
      if (next.kind === 'impossible')
        return { k: null, verdict: impossibleWords(kind, value, next.best, all) };
      const { k, expected: estimated } = next;
      const step: GoalStep = { blocks: k, estimated, measured: null, meets: null };
      patch('goal', { steps: [...steps, step] });
      const measured = await measure(kind, k);
      if (!isNewest()) return { k: null, verdict: '' };
      steps.push({ ...step, measured, meets: meetsGoal(measured, goal) });
      patch('goal', { steps: [...steps] });
      update(all, kind, k, measured);
    }
  }

  function end(verdict: string): void {
    // A plan whose measurement was cut off was not tried.
    const steps = get().goal.steps.filter(({ measured }) => measured !== null);
    patch('goal', { running: false, verdict, steps });
    context.announce(verdict);
  }

  function stopGoalSearch(): void {
    if (!get().goal.running) return;
    requests.drop();
    speedJob.cancel();
    end(`Stopped. ${UNCHANGED}`);
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.model.current !== before.model.current) {
      requests.drop();
      // The job of a model that is closed; its slice is already new.
      if (before.goal.running) context.meter.cancel();
    } else if (
      state.goal.running &&
      (state.plan.present !== before.plan.present || engineJob(state))
    ) {
      stopGoalSearch();
      patch('goal', { verdict: 'Stopped: the plan was edited, or another job took the device.' });
    }
  });
  context.onDispose(() => {
    unsubscribe();
    stopGoalSearch();
  });

  return {
    setGoal: (fields) => patch('goal', { ...fields, verdict: '', steps: [] }),
    async findPlan() {
      const { kind, value } = get().goal;
      if (value === null || goalObstacle(get()) !== null) return;
      const isNewest = requests.begin();
      context.clear('goal');
      patch('goal', { running: true, steps: [], verdict: '' });
      context.announce('Searching for a plan.');
      try {
        const { k, verdict } = await search(kind, value, isNewest);
        if (!isNewest()) return;
        end(verdict);
        if (k !== null) others.setRemoved(oneShot(get(), k));
      } catch (error) {
        if (!isNewest()) return;
        end(isCancelled(error) ? `Stopped. ${UNCHANGED}` : `The search failed. ${UNCHANGED}`);
        context.fail('goal', error);
      }
    },
    stopGoalSearch,
  };
}
