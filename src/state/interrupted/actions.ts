// Jobs that were interrupted on the open model: asked for when it opens and when a job ends;
// resumed or discarded on request.

import type { Interrupted } from '../../contract/interrupted.ts';
import type { ScoreSettings } from '../../contract/score.ts';
import type { Context } from '../context.ts';
import type { CriteriaActions } from '../criteria/actions.ts';
import type { HealActions } from '../heal/actions.ts';
import { engineJob } from '../jobs.ts';
import { curveSettings, settingsKey } from '../keys.ts';
import type { QuantiseActions } from '../quantise/actions.ts';
import type { ScoreActions } from '../score/actions.ts';
import type { SearchActions } from '../search/actions.ts';
import type { StabilityActions } from '../stability/actions.ts';
import { plannedRuns } from '../stability/selectors.ts';
import { JOBS, type StudioState } from '../state.ts';
import type { SublayerActions } from '../sublayers/actions.ts';
import type { TaskActions } from '../tasks/actions.ts';

export interface ResumeActions {
  /**
   * Starts the job with the settings it had; they become those of the page. The engine finds what
   * was done by them.
   */
  resume(job: Interrupted): Promise<void>;
  discard(job: Interrupted): Promise<void>;
}

type Others = Pick<HealActions, 'resumeHealing'> &
  Pick<QuantiseActions, 'resumeQuantise'> &
  Pick<TaskActions, 'resumeTasks'> &
  Pick<ScoreActions, 'setSettings' | 'score'> &
  Pick<SublayerActions, 'scoreSublayers'> &
  Pick<SearchActions, 'search'> &
  Pick<CriteriaActions, 'compareCriteria'> &
  Pick<StabilityActions, 'setStudyCriterion' | 'studyStability'>;

function resumableRuns(state: StudioState): boolean {
  const job = engineJob(state);
  return job !== null && JOBS[job].checkpoint !== null;
}

export function makeResumeActions(context: Context, actions: Others): ResumeActions {
  const { api, get, patch, store } = context;
  const requests = context.newest();

  async function ask(): Promise<void> {
    const isNewest = requests.begin();
    if (!get().model.current) return;
    // Without an answer there is nothing to offer, and nothing to complain of.
    const jobs = await api.interrupted().catch(() => []);
    if (isNewest()) patch('interrupted', { jobs });
  }

  const unsubscribe = store.subscribe((state, before) => {
    const [runs, ran] = [resumableRuns(state), resumableRuns(before)];
    if (runs && !ran) {
      requests.drop();
      patch('interrupted', { jobs: [] });
    } else if (state.model.current !== before.model.current || (ran && !runs)) void ask();
  });
  context.onDispose(unsubscribe);

  type OverWindows = Extract<Interrupted, { settings: unknown }>;

  /** Each kind of checkpoint over windows with the job that continues from it. */
  const resumers: Record<
    OverWindows['job'],
    (settings: ScoreSettings, search: OverWindows['search']) => Promise<void>
  > = {
    score: () => actions.score(),
    parts: (settings) => actions.scoreSublayers(settings),
    async taylor(settings) {
      const isOfCurve = () => settingsKey(curveSettings(get())) === settingsKey(settings);
      const isOfStudy = () => plannedRuns(get()).some(({ key }) => key === settingsKey(settings));
      if (isOfCurve()) await actions.compareCriteria();
      else if (isOfStudy()) {
        actions.setStudyCriterion('taylor');
        await actions.studyStability();
      } else {
        // Its windows become those of the curve, as they were when it began.
        await actions.score();
        if (isOfCurve()) await actions.compareCriteria();
      }
    },
    search: async (settings, request) => {
      if (request) await actions.search({ ...request, settings });
    },
  };

  return {
    async resume(work) {
      if (!get().model.current || engineJob(get())) return;
      if (work.job === 'heal') return actions.resumeHealing(work);
      if (work.job === 'quantise') return actions.resumeQuantise(work);
      if (work.job === 'tasks') return actions.resumeTasks(work);
      const asked: ScoreSettings = { budgetBytes: undefined, ...work.settings };
      actions.setSettings(asked);
      await resumers[work.job](asked, work.search);
    },
    async discard({ key }) {
      patch('interrupted', { jobs: get().interrupted.jobs.filter((one) => one.key !== key) });
      await api.forget(key).catch(() => {});
      context.announce('The interrupted run was discarded.');
    },
  };
}
