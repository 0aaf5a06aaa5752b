// Jobs that were interrupted on the open model: asked for when it opens and when a job ends; go on
// with one, or forget it. Must not start anything by itself.

import type { Interrupted } from '../../contract/interrupted.ts';
import type { ScoreSettings } from '../../contract/score.ts';
import type { Context } from '../context.ts';
import { engineJob } from '../jobs.ts';
import type { SearchActions } from '../search/actions.ts';
import type { StudioState } from '../state.ts';
import type { ScoreActions } from './actions.ts';
import type { SublayerActions } from './sublayerActions.ts';

export interface ResumeActions {
  /**
   * Starts the job with the settings it had; they become those of the page. The engine finds what
   * was done by them.
   */
  resume(job: Interrupted): Promise<void>;
  discard(job: Interrupted): Promise<void>;
}

type Jobs = Pick<ScoreActions, 'setSettings' | 'score'> &
  Pick<SublayerActions, 'scoreSublayers'> &
  Pick<SearchActions, 'search'>;

const RESUMABLE: readonly string[] = ['score', 'parts', 'search'] satisfies Interrupted['job'][];

const runs = (state: StudioState) => RESUMABLE.includes(engineJob(state) ?? '');

export function makeResumeActions(
  context: Context,
  { setSettings, score, scoreSublayers, search }: Jobs,
): ResumeActions & { dispose(): void } {
  const { api, get, patch, store } = context;
  let turn = 0;

  async function ask(): Promise<void> {
    const { current } = get().model;
    const mine = ++turn;
    if (!current) return;
    // Without an answer there is nothing to offer, and nothing to complain of.
    const jobs = await api.interrupted().catch(() => []);
    if (mine === turn && get().model.current === current) patch('interrupted', { jobs });
  }

  const dispose = store.subscribe((state, before) => {
    if (runs(state) && !runs(before)) {
      turn++;
      patch('interrupted', { jobs: [] });
    } else if (state.model.current !== before.model.current || (runs(before) && !runs(state)))
      void ask();
  });

  return {
    dispose,
    async resume({ job, settings, search: request }) {
      if (!get().model.current || engineJob(get())) return;
      const asked: ScoreSettings = { budgetBytes: undefined, ...settings };
      setSettings(asked);
      if (job === 'score') await score();
      else if (job === 'parts') await scoreSublayers(asked);
      else if (request) await search({ ...request, settings: asked });
    },
    async discard({ key }) {
      patch('interrupted', { jobs: get().interrupted.jobs.filter((one) => one.key !== key) });
      await api.forget(key).catch(() => {});
      context.announce('What the interrupted run had done is discarded.');
    },
  };
}
