// Which long job has the engine now, for everything that must wait for it or give way to it; must not start or end anything.

import type { StudioState } from './state.ts';

export type EngineJob = 'score' | 'parts' | 'search' | 'paths' | 'export';

/** The job that runs, or null. The live effect is none: it gives way to all of them. */
export function engineJob({ score, parts, search, export: exporting }: StudioState): EngineJob | null {
  if (score.running) return 'score';
  if (parts.running) return 'parts';
  if (search.running) return 'search';
  if (search.measuring) return 'paths';
  return exporting.running ? 'export' : null;
}

/** The jobs by name: "after the search". */
export const JOB_NAMES: Record<EngineJob, string> = {
  score: 'scoring',
  parts: 'scoring',
  search: 'the search',
  paths: 'the one-shot paths',
  export: 'the export',
};

/** The jobs as what keeps others waiting. */
export const JOB_WORDS: Record<EngineJob, string> = {
  score: 'Blocks are being scored.',
  parts: 'Parts of blocks are being scored.',
  search: 'A search is running.',
  paths: 'Plans are being measured.',
  export: 'An export is running.',
};
