// The name suggested for a pruned folder.

import type { ModelSummary } from '../../model/open/summary.ts';
import { blocksLeft, sublayerUnits, type Unit } from '../../units.ts';

/** A name for the pruned folder: "austen-12-of-16", "austen-15-of-16-less-1-part". */
export function suggestName({ name, numBlocks }: ModelSummary, removed: readonly Unit[]): string {
  const base = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '') || 'model';
  const sublayers = sublayerUnits(removed).length;
  const less = sublayers > 0 ? `-less-${sublayers}-part${sublayers === 1 ? '' : 's'}` : '';
  return `${base}-${blocksLeft(numBlocks, removed)}-of-${numBlocks}${less}`;
}
