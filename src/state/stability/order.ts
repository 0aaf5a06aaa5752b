// The order of the calibration study: all its runs by the chosen criterion taken together.

import { CRITERIA, type Criterion, hasFiniteScores } from '../../analysis/criteriaTable.ts';
import { labelOf } from '../../analysis/criterion.ts';
import { hasNumbers } from '../../analysis/perplexity.ts';
import { runOfCurve, type StudyRun, studyOrder } from '../../analysis/stability.ts';
import { optionsOf } from '../criteria/selectors.ts';
import { SOURCES } from '../criteria/sources.ts';
import { derive } from '../memo.ts';
import type { StudioState } from '../state.ts';

/** The run on the windows of the curve. */
const CURRENT = 'current curve';

/** The criterion that is studied. */
export const studiedCriterion = ({ stability }: StudioState): Criterion =>
  CRITERIA.find(({ name }) => name === stability.criterion)!;

/** As legends write it: "Taylor with norms". */
export const studiedLabel = (state: StudioState): string =>
  labelOf(studiedCriterion(state), optionsOf(state));

/**
 * The runs of perplexity and the current curve, which is one more; empty while there is no study.
 */
export const pplRuns = derive(
  (state: StudioState) => [state.stability.runs, state.score.curve],
  (runs, curve): StudyRun[] => {
    if (runs.length === 0) return [];
    const study = runs.map(({ label, result }) => runOfCurve(label, result.blocks));
    const isOwn =
      !curve ||
      !hasNumbers(curve.result.baseline) ||
      runs.some(({ key }) => key === curve.settingsKey);
    return isOwn ? study : [runOfCurve(CURRENT, curve.result.blocks), ...study];
  },
);

/** The same of Taylor; what was measured on the windows of the curve is one more. */
const taylorRuns = derive(
  (state: StudioState) => [
    state.stability.taylorRuns,
    state.score.curve?.settingsKey ?? null,
    SOURCES.taylor.data(state),
    optionsOf(state),
  ],
  (runs, key, current, options): StudyRun[] => {
    const { scores } = CRITERIA.find(({ name }) => name === 'taylor')!;
    if (runs.length === 0) return [];
    const study = runs.map(({ label, result }) => ({
      label,
      scores: scores(result.data, options),
    }));
    const isOwn = !current || !hasFiniteScores(current) || runs.some((run) => run.key === key);
    return isOwn ? study : [{ label: CURRENT, scores: scores(current, options) }, ...study];
  },
);

/** The runs of the criterion that is studied. */
export const studyRuns = (state: StudioState): readonly StudyRun[] =>
  state.stability.criterion === 'taylor' ? taylorRuns(state) : pplRuns(state);

/** Blocks, least important first over all windows of the study; null while there is no study. */
export const orderOfStudy = derive(
  (state: StudioState) => [studyRuns(state)],
  (runs): readonly number[] | null => (runs.length > 0 ? studyOrder(runs) : null),
);
