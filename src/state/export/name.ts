// The name suggested for a pruned folder.

import type { ExportDtype } from '../../model/export/steps.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blocksLeft, sublayerUnits, type Unit } from '../../units.ts';

/** "austen-12-of-16", "austen-15-of-16-less-1-sublayer-healed-fp16": a name for the folder. */
export function suggestName(
  { name, numBlocks }: ModelSummary,
  removed: readonly Unit[],
  dtype: ExportDtype | null = null,
  healed = false,
): string {
  const base = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '') || 'model';
  const sublayers = sublayerUnits(removed).length;
  const less = sublayers > 0 ? `-less-${sublayers}-sublayer${sublayers === 1 ? '' : 's'}` : '';
  const written = dtype === null ? '' : `-${dtype}`;
  const how = healed ? '-healed' : '';
  return `${base}-${blocksLeft(numBlocks, removed)}-of-${numBlocks}${less}${how}${written}`;
}
