// Which long job has the engine now, for everything that must wait for it or give way to it.

import { type EngineJob, JOBS, type StudioState } from './state.ts';

const NAMES = Object.keys(JOBS) as EngineJob[];

/** The job that runs, or null. The live effect is none: it gives way to all of them. */
export function engineJob(state: StudioState): EngineJob | null {
  return NAMES.find((name) => JOBS[name].runs(state)) ?? null;
}

/** Why the engine, or the folder, is not free now; null when it is. */
export function engineObstacle(state: StudioState): string | null {
  const job = engineJob(state);
  if (job) return JOBS[job].busy;
  return state.model.opening === null ? null : 'A folder is being read.';
}
