// Size of a model without some of its blocks, from the summary alone; must not look at graphs.

import { blockOf, sortUnits, sublayerOf, type Unit } from '../../units.ts';
import type { ModelSummary } from './summary.ts';

/** What a plan leaves. */
export interface PlanSize {
  params: number;
  /**
   * Bytes of the graph file and its data that an export of the plan writes; other files (tokenizer,
   * configs) are not counted.
   */
  bytes: number;
  /** Bytes that the KV caches grow by per token. */
  kvBytesPerToken: number;
}

/**
 * Size with the units `removed` (in the numbering of the original) taken out. Repeats, unknown
 * ordinals and sublayers that cannot be told apart count for nothing. Without removals too these
 * are the bytes of an export, which differ a little from `summary.bytes`: metadata is dropped, and
 * the weights are laid out anew. Exact to within 1 %; tables that several removed blocks and no
 * others share still count, so that tiny models without most blocks come out larger.
 */
export function planSize(summary: ModelSummary, removed: readonly Unit[]): PlanSize {
  const gone = new Map(sortUnits(removed).map((unit) => [blockOf(unit), sublayerOf(unit)]));
  const size = {
    params: summary.params,
    bytes: summary.exportBytes ?? summary.bytes,
    kvBytesPerToken: summary.kvBytesPerToken,
  };
  for (const block of summary.blocks) {
    const sublayer = gone.get(block.index);
    if (sublayer === undefined) continue;
    const own =
      sublayer === null ? block : sublayer === 'attn' ? block.attention : block.feedForward;
    if (!own || (sublayer !== null && !block.hasSublayers)) continue;
    size.params -= own.params;
    const entries = block.graphBytes ?? 0;
    const behind = block.feedForwardGraphBytes ?? 0;
    size.bytes -=
      own.bytes + (sublayer === null ? entries : sublayer === 'attn' ? entries - behind : behind);
    if (sublayer !== 'ffn') size.kvBytesPerToken -= block.kvBytesPerToken;
  }
  return size;
}
