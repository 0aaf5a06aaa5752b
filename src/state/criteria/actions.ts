// Comparing criteria: measures every source that is not known yet. What is known stays when the job
// is cancelled or fails.

import type { Progress } from '../../contract/progress.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { runJob } from '../runJob.ts';
import { missingSources } from './missing.ts';
import type { CriteriaSlice } from './state.ts';

export interface CriteriaActions {
  /** Computes the criteria that are not known yet. */
  compareCriteria(): Promise<void>;
  setCriteria(fields: { [F in 'shown' | 'view' | 'norms' | 'span']?: CriteriaSlice[F] }): void;
}

export function makeCriteriaActions(context: Context): CriteriaActions {
  const { api, get, patch } = context;

  return {
    setCriteria: (fields) => patch('criteria', fields),
    async compareCriteria() {
      if (!get().model.current || engineJob(get())) return;
      context.clear('criteria');
      patch('criteria', { compared: true });
      const sources = missingSources(get());
      const [first] = sources;
      if (!first) return;
      await runJob<never, void>(context, 'criteria', {
        started: 'The comparison of criteria has started.',
        start: () => patch('criteria', { running: first, progress: null }),
        async call({ isCurrent }) {
          const onProgress = (progress: Progress) => {
            if (isCurrent()) patch('criteria', { progress });
          };
          let failure: unknown = null;
          for (const source of sources) {
            const curve = get().score.curve?.id ?? null;
            patch('criteria', { running: source, progress: null });
            try {
              const result = await api.measureSource(source, curveSettings(get()), onProgress);
              if (!isCurrent()) return;
              const { measured } = get().criteria;
              patch('criteria', { measured: { ...measured, [source]: { curve, result } } });
            } catch (error) {
              failure ??= error;
              // Where one source cannot be measured, another may.
              if (isCancelled(error) || !isCurrent()) break;
            }
          }
          if (failure) throw failure;
        },
        take: () => 'The criteria are computed.',
        stop: () => 'The comparison of criteria was cancelled.',
        end: () => patch('criteria', { running: null, progress: null }),
      });
    },
  };
}
