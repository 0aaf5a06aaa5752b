// The long job that runs, as the title of the page and a notification tell it, and the interrupted
// ones that are offered. Derives only.

import type { Interrupted } from '../contract/interrupted.ts';
import type { Progress } from '../contract/progress.ts';
import type { ScoreSettings } from '../contract/score.ts';
import { type EngineJob, engineJob } from './jobs.ts';
import { curveSettings, settingsKey } from './keys.ts';
import { derive } from './memo.ts';
import type { Place, StudioState } from './state.ts';

const TITLES: Record<EngineJob, string> = {
  score: 'Scoring',
  parts: 'Scoring parts',
  criteria: 'Comparing criteria',
  stability: 'Studying the order',
  search: 'Searching',
  paths: 'Measuring plans',
  evaluate: 'Evaluating',
  export: 'Exporting',
};

/** Where errors of a job are shown. */
const PLACES: Record<EngineJob, Place> = {
  score: 'score',
  parts: 'parts',
  criteria: 'criteria',
  stability: 'stability',
  search: 'search',
  paths: 'search',
  evaluate: 'evaluate',
  export: 'export',
};

/** Phases that are the job itself, not its preparation. */
const SHARED: readonly Progress['phase'][] = ['score', 'write'];

type Share = Pick<Progress, 'done' | 'total'>;

/** How a job ended that has just given up the engine, for a notification. */
export function endOf(state: StudioState, job: EngineJob): { title: string; body: string } {
  const { errors, model, view } = state;
  const name = model.current?.summary.name;
  return {
    title: `${TITLES[job]} has ended${name ? ` · ${name}` : ''}`,
    body: errors[PLACES[job]]?.message ?? view.announcement,
  };
}

/** "42 % · Scoring · Espalier" while a long job runs. Preparing has no share of its own. */
export function pageTitle(state: StudioState): string {
  const job = engineJob(state);
  if (!job) return 'Espalier';
  const share = shareOf(state, job);
  return `${share ? `${percent(share)} % · ` : ''}${TITLES[job]} · Espalier`;
}

function shareOf(state: StudioState, job: EngineJob): Share | null {
  if (job === 'paths') return state.search.measuring;
  const { progress } = state[job];
  // Criteria are read from the files: that is the job.
  if (!progress || !(job === 'criteria' || SHARED.includes(progress.phase))) return null;
  const { running } = state.stability;
  if (job !== 'stability' || !running) return progress;
  return { done: running.at + progress.done / Math.max(1, progress.total), total: running.of };
}

/** Whole percent: 0 before anything is done, 100 never. */
export function percent({ done, total }: Share): number {
  return done > 0 ? Math.max(1, Math.min(99, Math.floor((100 * done) / Math.max(1, total)))) : 0;
}

/**
 * The interrupted job that the one that failed at this place would go on from, asked for once more;
 * null when it would begin anew.
 */
export function goesOn(state: StudioState, place: Place | EngineJob): Interrupted | null {
  const asked = askedAt(state, place);
  if (!asked) return null;
  const wanted = keyOf(asked.settings, asked.search);
  return (
    state.interrupted.jobs.find(
      ({ job, settings, search }) => job === place && keyOf(settings, search) === wanted,
    ) ?? null
  );
}

function askedAt(
  state: StudioState,
  place: Place | EngineJob,
): Pick<Interrupted, 'settings' | 'search'> | null {
  if (place === 'score') return { settings: state.score.settings, search: null };
  if (place === 'parts') return { settings: curveSettings(state), search: null };
  if (place !== 'search' || !state.search.path) return null;
  const { settings, ...search } = state.search.path.request;
  return { settings, search };
}

const keyOf = (settings: ScoreSettings, search: Interrupted['search']) =>
  settingsKey(settings) +
  JSON.stringify(search && [search.start, search.locked, search.count, search.maxPpl]);

const PLACES_OF_JOBS = ['score', 'parts', 'search'] as const;

/**
 * The interrupted jobs that are offered: none while one runs, nor those that an error's own click
 * goes on with.
 */
export const offeredJobs = derive(
  (state: StudioState) => [
    state.interrupted.jobs,
    engineJob(state),
    ...PLACES_OF_JOBS.map((place) => (state.errors[place] ? goesOn(state, place) : null)),
  ],
  (
    jobs: readonly Interrupted[],
    running: EngineJob | null,
    ...byErrors: (Interrupted | null)[]
  ): readonly Interrupted[] => (running ? [] : jobs.filter((job) => !byErrors.includes(job))),
);
