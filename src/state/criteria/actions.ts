// Comparing criteria: magnitudes are read when someone asks, criteria of hidden states where the
// curve came without them. What is known stays when a job is cancelled or fails.

import type { Progress } from '../../contract/progress.ts';
import { isCancelled } from '../../errors.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings } from '../keys.ts';
import { runJob } from '../runJob.ts';
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

type OnProgress = (progress: Progress) => void;

export function makeCriteriaActions(context: Context): CriteriaActions {
  const { api, get, patch } = context;

  return {
    setCriteria: (fields) => patch('criteria', fields),
    async compareCriteria() {
      if (!get().model.current || engineJob(get())) return;
      context.clear('criteria');
      patch('criteria', { compared: true });
      const missing = missingCriteria(get());
      const curve = get().score.curve?.id ?? null;
      const sources = [
        missing.magnitudes && {
          name: 'magnitudes' as const,
          read: async (onProgress: OnProgress) => ({
            magnitudes: await api.magnitudes(onProgress),
          }),
        },
        missing.hidden && {
          name: 'hidden' as const,
          read: async (onProgress: OnProgress) => ({
            hidden: { curve, values: await api.hiddenCriteria(curveSettings(get()), onProgress) },
          }),
        },
      ].filter((source) => source !== false);
      const [first] = sources;
      if (!first) return;
      await runJob<never, void>(context, 'criteria', {
        started: 'The comparison of criteria has started.',
        start: () => patch('criteria', { running: first.name, progress: null }),
        async call({ isCurrent }) {
          const take = (fields: Partial<CriteriaSlice>) => {
            if (isCurrent()) patch('criteria', fields);
          };
          let failure: unknown = null;
          for (const { name, read } of sources) {
            take({ running: name, progress: null });
            try {
              take(await read((progress) => take({ progress })));
            } catch (error) {
              failure ??= error;
              // What one criterion cannot do, another may.
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
