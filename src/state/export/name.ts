// The name suggested for a pruned folder.

import type { ExportDtype } from '../../model/export/steps.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { blocksLeft, sublayerUnits, type Unit } from '../../units.ts';

/** A name for the pruned folder: "austen-12-of-16", "austen-15-of-16-less-1-part-fp16". */
export function suggestName(
  { name, numBlocks }: ModelSummary,
  removed: readonly Unit[],
  dtype: ExportDtype | null = null,
): string {
  const base = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '') || 'model';
  const parts = sublayerUnits(removed).length;
  const less = parts === 0 ? '' : parts === 1 ? '-less-1-part' : `-less-${parts}-parts`;
  const written = dtype === null ? '' : `-${dtype}`;
  return `${base}-${blocksLeft(numBlocks, removed)}-of-${numBlocks}${less}${written}`;
}
