// Size of a model without some of its blocks, from the summary alone; must not look at graphs.

import { blockOf, type Sublayer, sortUnits, sublayerOf, type Unit } from '../../units.ts';
import type { BlockSummary, ModelSummary } from './summary.ts';

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

/** What an export writes after steps that change weights: in all, and what goes with a sublayer. */
export interface WrittenSizes {
  /** Graph file and its data without removals. */
  total: number;
  /** Per block, weights and their entries in the graph file. */
  blocks: { attention: number; feedForward: number }[];
}

/**
 * Size with the units `removed` (in the numbering of the original) taken out. Repeats, unknown
 * ordinals and sublayers that cannot be told apart count for nothing. Without removals too these
 * are the bytes of an export, which differ a little from `summary.bytes`: metadata is dropped, and
 * the weights are laid out anew. Exact to within 1 %; tables that several removed blocks and no
 * others share still count, so that tiny models without most blocks come out larger.
 * @param written what the steps of the export write; without them the source's tensors count
 */
export function planSize(
  summary: ModelSummary,
  removed: readonly Unit[],
  written?: WrittenSizes | null,
): PlanSize {
  const gone = new Map(sortUnits(removed).map((unit) => [blockOf(unit), sublayerOf(unit)]));
  const size = {
    params: summary.params,
    bytes: written?.total ?? summary.exportBytes ?? summary.bytes,
    kvBytesPerToken: summary.kvBytesPerToken,
  };
  for (const block of summary.blocks) {
    const sublayer = gone.get(block.index);
    if (sublayer === undefined) continue;
    const own =
      sublayer === null ? block : sublayer === 'attn' ? block.attention : block.feedForward;
    if (!own || (sublayer !== null && !block.hasSublayers)) continue;
    size.params -= own.params;
    size.bytes -= written
      ? writtenBytes(written.blocks[block.index], sublayer)
      : own.bytes + entryBytes(block, sublayer);
    if (sublayer !== 'ffn') size.kvBytesPerToken -= block.kvBytesPerToken;
  }
  return size;
}

/** What the nodes and tensor entries of a block, or of a sublayer, take in the graph file. */
function entryBytes(block: BlockSummary, sublayer: Sublayer | null): number {
  const whole = block.graphBytes ?? 0;
  const behind = block.feedForwardGraphBytes ?? 0;
  if (sublayer === null) return whole;
  return sublayer === 'attn' ? whole - behind : behind;
}

function writtenBytes(
  block: WrittenSizes['blocks'][number] = { attention: 0, feedForward: 0 },
  sublayer: Sublayer | null,
): number {
  return (sublayer === 'ffn' ? 0 : block.attention) + (sublayer === 'attn' ? 0 : block.feedForward);
}
