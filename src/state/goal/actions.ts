// "At least X tokens/s", "at most Y bytes": tries one-shot plans until a measured value holds. Must
// never call an estimate a result.

import { isCancelled } from '../../errors.ts';
import { oneShot } from '../criteria/orders.ts';
import { engineJob } from '../jobs.ts';
import type { PlanActions } from '../plan/actions.ts';
import type { SpeedContext } from '../speed/job.ts';
import { goalOf } from './candidates.ts';
import { searchGoal } from './search.ts';
import { goalObstacle } from './selectors.ts';
import type { GoalKind } from './state.ts';
import { outcomeWords, UNCHANGED } from './verdict.ts';

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
        const outcome = await searchGoal(context, kind, goalOf(kind, value), isNewest);
        if (!outcome || !isNewest()) return;
        end(outcomeWords(kind, value, outcome));
        if (outcome.met) others.setRemoved(oneShot(get(), outcome.k));
      } catch (error) {
        if (!isNewest()) return;
        end(isCancelled(error) ? `Stopped. ${UNCHANGED}` : `The search failed. ${UNCHANGED}`);
        context.fail('goal', error);
      }
    },
    stopGoalSearch,
  };
}
