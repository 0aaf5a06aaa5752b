// The other precisions of the model that an export can write along, by the same plan.

import { isOtherPrecision } from '../../model/open/otherPrecision.ts';
import { planSize } from '../../model/open/size.ts';
import type { GraphChoice, ModelSummary } from '../../model/open/summary.ts';
import type { Unit } from '../../units.ts';
import { derive } from '../memo.ts';
import { siblings } from '../open/models.ts';
import type { StudioState } from '../state.ts';

/** Graphs of the open model in other precisions. */
export const otherPrecisions = derive(
  (state: StudioState) => [state.model.current],
  (model): GraphChoice[] =>
    model
      ? siblings(model.graphs, model.summary.graph).filter(({ path }) =>
          isOtherPrecision(path, model.summary.graph),
        )
      : [],
);

/**
 * Those that the export writes: none of them beside a precision that it makes itself,
 * nor with a healing, which is of the weights of one graph.
 */
export const writtenAlong = derive(
  (state: StudioState) => [otherPrecisions(state), state.export, state.plan.present.healing],
  (others, { allGraphs, dtype, also }, healing): readonly GraphChoice[] =>
    allGraphs && dtype === null && also.length === 0 && healing === undefined ? others : [],
);

/**
 * About how many bytes the other precisions take: each loses the share of its bytes that the open
 * one does. Graphs that belong to both are written once.
 */
export function bytesAlong(
  summary: ModelSummary,
  removed: readonly Unit[],
  others: readonly GraphChoice[],
): number {
  const shared = new Map((summary.components ?? []).map(({ path, bytes }) => [path, bytes]));
  const stay = [...shared.values()].reduce((sum, bytes) => sum + bytes, 0);
  const kept = (planSize(summary, removed).bytes - stay) / (planSize(summary, []).bytes - stay);
  return others.reduce((sum, { bytes, components = [] }) => {
    const both = components.reduce((known, { path }) => known + (shared.get(path) ?? 0), 0);
    return sum + kept * (bytes - both);
  }, 0);
}
