// What the export that the page would write holds: its size, and the precisions pruned along.

import { isOtherPrecision } from '../../model/open/otherPrecision.ts';
import { type PlanSize, planSize } from '../../model/open/size.ts';
import type { GraphChoice } from '../../model/open/summary.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { OpenModel } from '../open/state.ts';
import type { StudioState } from '../state.ts';

/** The precisions of the folder that an export prunes along with the open one. */
export const otherPrecisions = derive(
  (state: StudioState) => [state.model.current, state.export.allGraphs, state.export.dtype],
  (model, allGraphs, dtype): readonly GraphChoice[] =>
    model && allGraphs && dtype === null ? precisionsOf(model) : [],
);

/** The other precisions of the open model in its folder. */
export const precisionsOf = ({ graphs, summary }: OpenModel): readonly GraphChoice[] =>
  graphs.filter(({ path }) => isOtherPrecision(path, summary.graph));

/** Null without a model, and while the size of the chosen precision is not known yet. */
export const exportSize = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    state.export.dtype,
    state.export.sizes,
  ],
  (model, removed, dtype, sizes): PlanSize | null => {
    if (!model) return null;
    if (dtype === null) return planSize(model.summary, removed);
    return sizes?.dtype === dtype ? planSize(model.summary, removed, sizes.written) : null;
  },
);
