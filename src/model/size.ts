// Size of a model without some of its blocks, from the summary alone; must not look at graphs.

import type { Unit } from '../units.ts';
import type { ModelSummary } from './summary.ts';

/** What a plan leaves. */
export interface PlanSize {
  params: number;
  /** Bytes of the graph file and its data that an export of the plan writes; other files (tokenizer, configs) are not counted. */
  bytes: number;
  /** Bytes that the KV caches grow by per token. */
  kvBytesPerToken: number;
}

/**
 * Size with the blocks `removed` (ordinals of the original) taken out. Repeats and unknown ordinals count for nothing. Without removals too
 * these are the bytes of an export, which differ a little from `summary.bytes`: metadata is dropped, and the weights are laid out anew.
 * Exact to within 1 %; tables that several removed blocks and no others share still count, so that tiny models without most blocks come out larger.
 */
export function planSize(summary: ModelSummary, removed: readonly Unit[]): PlanSize {
  const gone = new Set(removed);
  const size = { params: summary.params, bytes: summary.exportBytes ?? summary.bytes, kvBytesPerToken: summary.kvBytesPerToken };
  for (const block of summary.blocks) {
    if (!gone.has(block.index)) continue;
    size.params -= block.params;
    size.bytes -= block.bytes + (block.graphBytes ?? 0);
    size.kvBytesPerToken -= block.kvBytesPerToken;
  }
  return size;
}
