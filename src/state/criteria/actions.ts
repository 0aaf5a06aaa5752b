// Comparing criteria: magnitudes are read when someone asks, criteria of hidden states where the
// curve came without them. What is known stays when a job is cancelled or fails.

import type { Progress } from '../../contract/progress.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { canScore } from '../selectors.ts';
import type { StudioState } from '../state.ts';
import { hiddenInForce } from './selectors.ts';
import type { CriteriaSlice } from './state.ts';

export interface CriteriaActions {
  /** Computes the criteria that are not known yet. */
  compareCriteria(): Promise<void>;
  setCriteria(fields: { [F in 'shown' | 'view' | 'norms' | 'span']?: CriteriaSlice[F] }): void;
}

/** What "compare criteria" would still compute. */
export function missingCriteria(state: StudioState): { magnitudes: boolean; hidden: boolean } {
  return {
    magnitudes: state.criteria.magnitudes === null,
    hidden: hiddenInForce(state) === null && canScore(state),
  };
}

export function makeCriteriaActions(context: Context, onEnd: () => void): CriteriaActions {
  const { api, get, patch } = context;

  return {
    setCriteria: (fields) => patch('criteria', fields),
    async compareCriteria() {
      const { current } = get().model;
      if (!current || engineJob(get())) return;
      const isCurrent = () => get().model.current === current;
      const onProgress = (progress: Progress) => {
        if (isCurrent() && get().criteria.running) patch('criteria', { progress });
      };
      const take = (fields: Partial<CriteriaSlice>) => {
        if (isCurrent()) patch('criteria', fields);
      };
      const missing = missingCriteria(get());
      const jobs = [
        missing.magnitudes && {
          name: 'magnitudes' as const,
          run: async () => take({ magnitudes: await api.magnitudes(onProgress) }),
        },
        missing.hidden && {
          name: 'hidden' as const,
          run: async () => {
            const curve = get().score.curve?.id ?? null;
            take({
              hidden: { curve, values: await api.hiddenCriteria(curveSettings(get()), onProgress) },
            });
          },
        },
      ].filter((job) => job !== false);
      context.clear('criteria');
      patch('criteria', { compared: true });
      if (jobs.length === 0) return;
      context.announce('The comparison of criteria has started.');
      let whole = true;
      for (const { name, run } of jobs) {
        patch('criteria', { running: name, progress: null });
        try {
          await run();
        } catch (error) {
          whole = false;
          if (isCurrent()) context.fail('criteria', error);
          // What one criterion cannot do, another may.
          if (isCancelled(error)) break;
        }
        if (!isCurrent()) return;
      }
      patch('criteria', { running: null, progress: null });
      if (whole) context.announce('The criteria are there.');
      else if (!get().errors.criteria) context.announce('The comparison of criteria has stopped.');
      onEnd();
    },
  };
}
