// The work that runs now, whoever started it, as the job bar shows it on every workspace.

import type { Progress } from '../contract/progress.ts';
import { RUNNING } from '../words/page.ts';
import { engineJob } from './jobs.ts';
import { derive } from './memo.ts';
import { meterUse } from './speed/metering.ts';
import { JOBS, type StudioState } from './state.ts';

export interface RunningWork {
  title: string;
  progress: Progress | null;
  /** A cancel was asked for and the work has not ended yet. */
  cancelling: boolean;
}

function titleOf(state: StudioState): string | null {
  const job = engineJob(state);
  if (job) return JOBS[job].title;
  const use = meterUse(state);
  if (use) return RUNNING[use];
  return state.generate.running ? RUNNING.generate : null;
}

function progressOf(state: StudioState): Progress | null {
  const job = engineJob(state);
  if (job) return JOBS[job].progress(state);
  const use = meterUse(state);
  if (use === 'width') return state.width.progress;
  return use ? state.speed.progress : null;
}

/** Null while nothing runs. The live effect of a plan shows itself in the result. */
export const runningWork = derive(
  (state: StudioState) => [titleOf(state), progressOf(state), state.score.cancelling],
  (title, progress, cancelling): RunningWork | null =>
    title === null ? null : { title, progress, cancelling },
);
