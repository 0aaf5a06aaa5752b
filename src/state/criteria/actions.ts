// Comparing criteria: measures every source that is not known yet. What is known stays when the job
// is cancelled or fails.

import type { MeasuredSource } from '../../analysis/criteriaTable.ts';
import type { Progress } from '../../contract/progress.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { missingSources } from './missing.ts';
import type { CriteriaSlice } from './state.ts';

export interface CriteriaActions {
  /** Computes the criteria that are not known yet. */
  compareCriteria(): Promise<void>;
  setCriteria(fields: { [F in 'shown' | 'view' | 'norms' | 'span']?: CriteriaSlice[F] }): void;
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
      const measure = async <S extends MeasuredSource>(source: S): Promise<void> => {
        const curve = get().score.curve?.id ?? null;
        const result = await api.measureSource(source, curveSettings(get()), onProgress);
        if (!isCurrent()) return;
        const { measured } = get().criteria;
        patch('criteria', { measured: { ...measured, [source]: { curve, result } } });
      };
      const sources = missingSources(get());
      context.clear('criteria');
      patch('criteria', { compared: true });
      if (sources.length === 0) return;
      context.announce('The comparison of criteria has started.');
      let whole = true;
      for (const source of sources) {
        patch('criteria', { running: source, progress: null });
        try {
          await measure(source);
        } catch (error) {
          whole = false;
          if (isCurrent()) context.fail('criteria', error);
          // Where one source cannot be measured, another may.
          if (isCancelled(error)) break;
        }
        if (!isCurrent()) return;
      }
      patch('criteria', { running: null, progress: null });
      if (whole) context.announce('The criteria are computed.');
      else if (!get().errors.criteria) context.announce('The comparison of criteria has stopped.');
      onEnd();
    },
  };
}
