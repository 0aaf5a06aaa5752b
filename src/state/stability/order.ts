// The order of the calibration study: all its runs taken together.

import { hasNumbers } from '../../analysis/perplexity.ts';
import { type StudyRun, studyOrder } from '../../analysis/stability.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';

/**
 * The runs of the study and the current curve, which is one more; empty while there is no study.
 */
export const studyRuns = derive(
  (state: StudioState) => [state.stability.runs, state.score.curve],
  (runs, curve): StudyRun[] => {
    if (runs.length === 0) return [];
    const study = runs.map(({ label, result }): StudyRun => ({ label, blocks: result.blocks }));
    const isOwn =
      !curve ||
      !hasNumbers(curve.result.baseline) ||
      runs.some(({ key }) => key === curve.settingsKey);
    return isOwn ? study : [{ label: 'current curve', blocks: curve.result.blocks }, ...study];
  },
);

/** Blocks, least important first over all windows of the study; null while there is no study. */
export const orderOfStudy = derive(
  (state: StudioState) => [studyRuns(state)],
  (runs): readonly number[] | null => (runs.length > 0 ? studyOrder(runs) : null),
);
