// Plans of the paths: measuring those of the one-shot paths, and using one as the plan.

import type { PlanResult } from '../../contract/plan.ts';
import { cancelled } from '../../errors.ts';
import { sortUnits, type Unit } from '../../units.ts';
import type { Context } from '../context.ts';
import { planKey } from '../keys.ts';
import type { PlanActions } from '../plan/actions.ts';
import { runJob } from '../runJob.ts';
import type { StudioState } from '../state.ts';
import { type Candidate, isOnCurve } from './measured.ts';
import { unmeasured } from './selectors.ts';

export interface PathActions {
  /** Measures every plan of the one-shot paths that is not measured yet. */
  measurePaths(): Promise<void>;
  /** Measures the perplexity of these plans on the windows of the curve. */
  measurePlans(plans: readonly (readonly Unit[])[]): Promise<void>;
  /** Uses a plan of a path, in one undo step; what was measured of it is known at once. */
  takePath(removed: readonly Unit[], healing?: string): void;
  /** Uses a measured plan; the order that proposes it becomes the current one. */
  takeCandidate(candidate: Candidate): void;
}

/** What the search found out about a plan, when it is of the curve's windows. */
function measuredBySearch(state: StudioState, removed: readonly Unit[]): PlanResult | null {
  const { path } = state.search;
  if (!path || !isOnCurve(state)) return null;
  const units = [...path.request.start];
  for (const { block, measure, seconds } of path.steps) {
    units.push(block);
    const plan = sortUnits(units);
    if (plan.join() === removed.join()) return { ...measure, removed: plan, seconds };
  }
  return null;
}

export function makePathActions(
  context: Context,
  others: Pick<PlanActions, 'setRemoved'>,
): PathActions {
  const { api, get, patch } = context;

  const actions: PathActions = {
    measurePaths: () => actions.measurePlans(unmeasured(get())),
    async measurePlans(plans) {
      const { curve } = get().score;
      if (!curve || plans.length === 0) return;
      await runJob<never, void>(context, 'paths', {
        started: '',
        start: () => patch('search', { measuring: { done: 0, total: plans.length } }),
        async call({ isCurrent }) {
          for (const [done, removed] of plans.entries()) {
            const result = await api.plan([...removed], () => {});
            if (!isCurrent() || get().score.curve !== curve) throw cancelled();
            const measured = new Map(get().search.measured).set(planKey(curve.id, removed), result);
            patch('search', { measured, measuring: { done: done + 1, total: plans.length } });
          }
        },
        take: () => `Measured the perplexity of ${plans.length} plans.`,
        stop: () => 'Measuring plans was cancelled.',
        end: () => patch('search', { measuring: null }),
      });
    },
    takePath(removed, healing) {
      const { score, effect, search } = get();
      if (score.curve) {
        const key = planKey(score.curve.id, removed);
        const result =
          effect.known.get(key) ?? search.measured.get(key) ?? measuredBySearch(get(), removed);
        if (result) patch('effect', { known: new Map(effect.known).set(key, result) });
      }
      others.setRemoved(removed, healing);
    },
    takeCandidate({ removed, by }) {
      const order = by.find(({ name }) => name !== 'iterative');
      if (order) patch('criteria', { orderBy: order.name });
      actions.takePath(removed);
    },
  };
  return actions;
}
