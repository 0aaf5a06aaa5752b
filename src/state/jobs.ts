// Which long job has the engine now, for everything that must wait for it or give way to it; must
// not start or end anything.

import type { StudioState } from './state.ts';

export type EngineJob =
  | 'score'
  | 'parts'
  | 'criteria'
  | 'stability'
  | 'search'
  | 'paths'
  | 'evaluate'
  | 'export';

/** The job that runs, or null. The live effect is none: it gives way to all of them. */
export function engineJob({
  score,
  parts,
  criteria,
  stability,
  search,
  evaluate,
  export: exporting,
}: StudioState): EngineJob | null {
  if (score.running) return 'score';
  if (parts.running) return 'parts';
  if (criteria.running) return 'criteria';
  if (stability.running) return 'stability';
  if (search.running) return 'search';
  if (search.measuring) return 'paths';
  if (evaluate.running) return 'evaluate';
  return exporting.running ? 'export' : null;
}

/** The jobs by name: "after the search". */
export const JOB_NAMES: Record<EngineJob, string> = {
  score: 'scoring',
  parts: 'scoring',
  criteria: 'the comparison of criteria',
  stability: 'the calibration study',
  search: 'the search',
  paths: 'the one-shot paths',
  evaluate: 'the evaluation',
  export: 'the export',
};

/** The jobs as what keeps others waiting. */
export const JOB_WORDS: Record<EngineJob, string> = {
  score: 'Blocks are being scored.',
  parts: 'Parts of blocks are being scored.',
  criteria: 'Criteria are being computed.',
  stability: 'A calibration study is running.',
  search: 'A search is running.',
  paths: 'Plans are being measured.',
  evaluate: 'A text is being evaluated.',
  export: 'An export is running.',
};
