// The long job that runs, as the title of the page and a notification report it, and the
// interrupted ones that are offered.

import type { Interrupted, ResumableWork } from '../contract/interrupted.ts';
import { healRequest } from './heal/selectors.ts';
import { engineJob } from './jobs.ts';
import { curveSettings, healKey, quantiseKey, settingsKey } from './keys.ts';
import { derive } from './memo.ts';
import { quantiseRequest } from './quantise/selectors.ts';
import { type EngineJob, type ErrorPlace, JOBS, type Share, type StudioState } from './state.ts';
import { tasksKey } from './tasks/names.ts';
import { tasksRequestKey } from './tasks/selectors.ts';

/** How a job ended that has just given up the engine, for a notification. */
export function endOf(state: StudioState, job: EngineJob): { title: string; body: string } {
  const { errors, model, view } = state;
  const name = model.current?.summary.name;
  return {
    title: `${JOBS[job].title} has ended${name ? ` · ${name}` : ''}`,
    body: errors[JOBS[job].place]?.message ?? view.announcement,
  };
}

/** "42 % · Scoring · Espalier" while a long job runs. Preparing has no share of its own. */
export function pageTitle(state: StudioState): string {
  const job = engineJob(state);
  if (!job) return 'Espalier';
  const share = JOBS[job].share(state);
  return `${share ? `${percent(share)} % · ` : ''}${JOBS[job].title} · Espalier`;
}

/** Whole percent: 0 before anything is done, 100 never. */
export function percent({ done, total }: Share): number {
  return done > 0 ? Math.max(1, Math.min(99, Math.floor((100 * done) / Math.max(1, total)))) : 0;
}

/** Of what has a request of its own, what it is resumed by as a key. */
type Asked = Omit<Extract<ResumableWork, { settings: unknown }>, 'job'> | { key: string };

/** What each resumable job would be asked with, if it were started again. */
const ASKED: Record<Interrupted['job'], (state: StudioState) => Asked | null> = {
  score: ({ score }) => ({ settings: score.settings, search: null }),
  parts: (state) => ({ settings: curveSettings(state), search: null }),
  taylor: (state) => ({ settings: curveSettings(state), search: null }),
  search({ search: { path } }) {
    if (!path) return null;
    const { settings, ...search } = path.request;
    return { settings, search };
  },
  heal(state) {
    const request = healRequest(state);
    return request && { key: healKey(request) };
  },
  quantise(state) {
    const request = quantiseRequest(state);
    return request && { key: quantiseKey(request) };
  },
  tasks(state) {
    const key = tasksRequestKey(state);
    return key === null ? null : { key };
  },
};

/** The same of an interrupted one. */
function askedOf(one: Interrupted): Asked {
  if (one.job === 'heal') return { key: healKey(one.request) };
  if (one.job === 'tasks') return { key: tasksKey(one.request, one.data) };
  return one.job === 'quantise' ? { key: quantiseKey(one.request) } : one;
}

function keyOf(asked: Asked): string {
  if (!('settings' in asked)) return asked.key;
  const { settings, search } = asked;
  return (
    settingsKey(settings) +
    JSON.stringify(search && [search.start, search.locked, search.count, search.maxPpl])
  );
}

/**
 * The interrupted job that the one that failed at this place would continue, asked for once more;
 * null when it would start from the beginning.
 */
export function interruptedAt(state: StudioState, place: ErrorPlace): Interrupted | null {
  const checkpoint = Object.values(JOBS).find((job) => job.place === place)?.checkpoint;
  const asked = checkpoint && ASKED[checkpoint](state);
  if (!asked) return null;
  const key = keyOf(asked);
  return (
    state.interrupted.jobs.find((one) => one.job === checkpoint && keyOf(askedOf(one)) === key) ??
    null
  );
}

const RESUMABLE: readonly ErrorPlace[] = Object.values(JOBS)
  .filter(({ checkpoint }) => checkpoint !== null)
  .map(({ place }) => place);

/**
 * The interrupted jobs that are offered: none while one runs, nor those that the remedy of an error
 * resumes.
 */
export const offeredJobs = derive(
  (state: StudioState) => [
    state.interrupted.jobs,
    engineJob(state),
    ...RESUMABLE.map((place) => (state.errors[place] ? interruptedAt(state, place) : null)),
  ],
  (
    jobs: readonly Interrupted[],
    running: EngineJob | null,
    ...byErrors: (Interrupted | null)[]
  ): readonly Interrupted[] => (running ? [] : jobs.filter((job) => !byErrors.includes(job))),
);
