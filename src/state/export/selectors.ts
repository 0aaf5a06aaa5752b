// The size of the export that the page would write: of the plan, in the chosen precision.

import { type PlanSize, planSize } from '../../model/open/size.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';

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
