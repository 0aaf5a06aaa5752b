// Size of a model without some of its blocks, from the summary alone; must not look at graphs.

import type { ModelSummary } from './summary.ts';

/** What a plan leaves. */
export interface PlanSize {
  params: number;
  /** Bytes of the graph file and its data, without the weights and graph entries of the removed blocks. */
  bytes: number;
  /** Bytes that the KV caches grow by per token. */
  kvBytesPerToken: number;
}

/** Size with the blocks `removed` (ordinals of the original) taken out. Repeats and unknown ordinals count for nothing. */
export function planSize(summary: ModelSummary, removed: readonly number[]): PlanSize {
  const gone = new Set(removed);
  const size = { params: summary.params, bytes: summary.bytes, kvBytesPerToken: summary.kvBytesPerToken };
  for (const block of summary.blocks) {
    if (!gone.has(block.index)) continue;
    size.params -= block.params;
    size.bytes -= block.bytes + (block.graphBytes ?? 0);
    size.kvBytesPerToken -= block.kvBytesPerToken;
  }
  return size;
}
