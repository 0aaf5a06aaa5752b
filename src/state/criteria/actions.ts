// Comparing criteria: measures every source that is not known yet. What is known stays when the job
// is cancelled or fails.

import type { MeasuredSource } from '../../analysis/criteriaTable.ts';
import type { Progress } from '../../contract/progress.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { runJob } from '../runJob.ts';
import { makeGradients } from './gradients.ts';
import { missingSources } from './missing.ts';
import type { CriteriaSlice } from './state.ts';

export interface CriteriaActions {
  /** Computes the criteria that are not known yet. */
  compareCriteria(): Promise<void>;
  setCriteria(fields: { [F in 'shown' | 'view' | 'norms' | 'span']?: CriteriaSlice[F] }): void;
}

type OnProgress = (progress: Progress) => void;

export function makeCriteriaActions(context: Context): CriteriaActions {
  const { api, get, patch } = context;

  async function measure<S extends MeasuredSource>(source: S, onProgress: OnProgress) {
    const curve = get().score.curve?.id ?? null;
    const result = await api.measureSource(source, curveSettings(get()), onProgress);
    return { [source]: { curve, result } };
  }

  const hasGradients = makeGradients(context);

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
          const take = (fields: Partial<CriteriaSlice>) => {
            if (isCurrent()) patch('criteria', fields);
          };
          let failure: unknown = null;
          for (const source of sources) {
            take({ running: source, progress: null });
            // Where there are none, the panel says why; the others are compared without.
            if (source === 'taylor' && !(await hasGradients())) continue;
            try {
              const entry = await measure(source, (progress) => take({ progress }));
              take({ measured: { ...get().criteria.measured, ...entry } });
            } catch (error) {
              failure ??= error;
              // Where one source cannot be measured, another may.
              if (isCancelled(error)) break;
            }
            if (!isCurrent()) return;
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
