// Which sources of criteria are not known yet and can be measured. Pure and memoised.

import { MEASURED_SOURCES, type MeasuredSource } from '../../analysis/criteriaTable.ts';
import { derive } from '../memo.ts';
import { canScore } from '../score/selectors.ts';
import type { StudioState } from '../state.ts';
import { gradientObstacle, gradientsOf } from './gradients.ts';
import { MEASURED, SOURCES, type SourceCost } from './sources.ts';

/** What "compare criteria" would still measure. */
export const missingSources = derive(
  (state: StudioState) =>
    MEASURED.map(
      (source) =>
        SOURCES[source].data(state) === null &&
        (!MEASURED_SOURCES[source].onWindows || canScore(state)) &&
        (source !== 'taylor' || gradientObstacle(state) === null),
    ),
  (...missing): MeasuredSource[] => MEASURED.filter((_, i) => missing[i]),
);

/** What makes the numbers of what was measured doubtful, in sentences. */
export const sourceWarnings = derive(
  (state: StudioState) =>
    MEASURED.map((source) =>
      SOURCES[source].data(state) === state.criteria.measured[source]?.result.data
        ? (state.criteria.measured[source]?.result.warnings ?? null)
        : null,
    ),
  (...warnings): string[] => warnings.flatMap((one) => one ?? []),
);

/** What measuring them costs, for people. */
export const missingCosts = derive(
  (state: StudioState) =>
    [missingSources(state), state.model.current, gradientsOf(state)?.memory ?? null] as const,
  (missing, model, gradients): SourceCost[] =>
    missing.map((source) => SOURCES[source].cost(model, gradients)),
);
