// Why sizes are not what one expects: the embedding and the head, which no plan removes.

import type { ModelSummary } from '../../model/open/summary.ts';
import { EMBEDDING, EMBEDDING_AND_HEAD, fallsLess } from '../../words/model.ts';
import { exportForm, exportSize, isPlain } from '../export/selectors.ts';
import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';

/** Parameters must fall by so much more than the size before it is worth a sentence. */
const WORTH_SAYING = 0.03;

/**
 * True when the head seems to be the embedding table once more. Exporters write it so; where tensors
 * are named, a head of its own has other values.
 */
export function isStoredTwice({ embedding, head, graphDtype }: ModelSummary): boolean {
  if (head.tied || graphDtype !== undefined || embedding.params === 0) return false;
  return Math.abs(head.params / embedding.params - 1) < 0.02;
}

/** Why the size of the plan falls less than its parameters, as a sentence, or null. */
export const sizeRemark = derive(
  (state: StudioState) => [
    modelOf(state),
    state.plan.present.removed,
    isPlain(exportForm(state)),
    exportSize(state),
  ],
  (model, removed, isAsStored, size): string | null => {
    // In another precision all sizes change, which the choice of the precision says.
    if (!model || !size || removed.length === 0 || !isAsStored) return null;
    const { summary } = model;
    const { embedding, head, bytes, params } = summary;
    const fewer = 1 - size.params / params;
    const smaller = 1 - size.bytes / (summary.exportBytes ?? bytes);
    const kept = embedding.bytes + (head.tied ? 0 : head.bytes);
    if (fewer - smaller < WORTH_SAYING || kept < bytes / 4) return null;
    return fallsLess(head.tied ? EMBEDDING : EMBEDDING_AND_HEAD, kept, bytes);
  },
);
