// The kit for continued pretraining beside a pruned checkpoint: where there is one, and what its
// check script compares.

import { inexpressible } from '../../model/interop/huggingFace.ts';
import type { KitWindows } from '../../model/interop/kit/check.ts';
import { keptBlocks } from '../../model/interop/remarks.ts';
import { effectKey } from '../keys.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import { exportFormat } from './selectors.ts';

/** True where the dialog offers it: what is trained is a checkpoint in safetensors. */
export const offersKit = (state: StudioState): boolean => exportFormat(state) === 'safetensors';

/** Why the plan has none, as a sentence; null where it can. */
export const kitObstacle = derive(
  (state: StudioState) => [modelOf(state), state.plan.present.removed],
  (model, removed): string | null => {
    const { declared, numBlocks = 0 } = model?.summary ?? {};
    const keep = keptBlocks(removed, numBlocks);
    if (!declared || keep.length === numBlocks) return null;
    return inexpressible({ declared, n: numBlocks, keep });
  },
);

export const writesKit = (state: StudioState): boolean =>
  state.export.kit && offersKit(state) && kitObstacle(state) === null;

/** The windows of the curve, with what the plan has on them; null before that is measured. */
export const kitWindows = derive(
  (state: StudioState) => [
    state.score.curve,
    state.plan.present,
    state.effect.known.get(effectKey(state) ?? ''),
  ],
  (curve, { removed }, plan): KitWindows | null => {
    if (!curve) return null;
    const { windows, baseline } = curve.result;
    const measured = plan ?? (removed.length === 0 ? baseline : null);
    if (!measured) return null;
    const { nllPerWindow: nll } = measured;
    return { ids: windows, nll, original: baseline.nllPerWindow };
  },
);
