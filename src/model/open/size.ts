// The predicted size of a pruned model, from the summary alone.

import { blockOf, type Sublayer, sortUnits, sublayerOf, type Unit } from '../../units.ts';
import type { BlockSummary, ModelSummary, Size } from './summary.ts';

/** The size of the pruned model. */
export interface PlanSize {
  params: number;
  /** Bytes of graph file and external data in an export; tokenizer and configs do not count. */
  bytes: number;
  /** Bytes by which the KV caches grow per token. */
  kvBytesPerToken: number;
}

/**
 * The size of an export without the units `removed`, numbered as in the original. Repeated units,
 * unknown blocks and sublayers that cannot be separated are ignored. Even without removals `bytes`
 * differs a little from `summary.bytes`, since an export drops metadata and lays out weights anew.
 * Exact to within 1 %, except that tables shared by removed blocks only still count, which shows in
 * tiny models that lose most of their blocks.
 */
export function planSize(summary: ModelSummary, removed: readonly Unit[]): PlanSize {
  const plan = new Map(sortUnits(removed).map((unit) => [blockOf(unit), sublayerOf(unit)]));
  const size = {
    params: summary.params,
    bytes: summary.exportBytes ?? summary.bytes,
    kvBytesPerToken: summary.kvBytesPerToken,
  };
  for (const block of summary.blocks) {
    const sublayer = plan.get(block.index);
    if (sublayer === undefined || (sublayer !== null && !block.hasSublayers)) continue;
    const unit = unitSize(block, sublayer);
    if (!unit) continue;
    size.params -= unit.params;
    size.bytes -= unit.bytes;
    if (sublayer !== 'ffn') size.kvBytesPerToken -= block.kvBytesPerToken;
  }
  return size;
}

/** What an export saves without a block (`sublayer` null) or one of its sublayers. */
function unitSize(block: BlockSummary, sublayer: Sublayer | null): Size | null {
  const entries = block.graphBytes ?? 0;
  const feedForwardEntries = block.feedForwardGraphBytes ?? 0;
  if (sublayer === null) return { params: block.params, bytes: block.bytes + entries };
  const weights = sublayer === 'attn' ? block.attention : block.feedForward;
  if (!weights) return null;
  const ownEntries = sublayer === 'attn' ? entries - feedForwardEntries : feedForwardEntries;
  return { params: weights.params, bytes: weights.bytes + ownEntries };
}
