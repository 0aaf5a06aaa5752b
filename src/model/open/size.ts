// The predicted size of a pruned model, from the summary alone.

import { blockOf, type Sublayer, sortUnits, sublayerOf, type Unit } from '../../units.ts';
import type { BlockSummary, ModelSummary, Size } from './summary.ts';

/** The size of the pruned model. */
export interface PlanSize {
  params: number;
  /** Bytes of graph file and external data in an export; tokenizer and configs do not count. */
  bytes: number;
  /** Bytes by which the KV caches grow per token; null when unknown. */
  kvBytesPerToken: number | null;
}

/** What an export writes after steps that change weights: in all, and what goes with a sublayer. */
export interface WrittenSizes {
  /** Graph file and its data without removals. */
  total: number;
  /**
   * Per block, weights and their entries in the graph file, and bytes of an element of its KV
   * caches relative to the source.
   */
  blocks: { attention: number; feedForward: number; cacheRatio: number }[];
}

/**
 * The size of an export without the units `removed`, numbered as in the original. Repeated units,
 * unknown blocks and sublayers that cannot be separated are ignored. Even without removals `bytes`
 * differs a little from `summary.bytes`, since an export drops metadata and lays out weights anew.
 * Exact to within 1 %, except that tables shared by removed blocks only still count, which shows in
 * tiny models that lose most of their blocks.
 * @param written what the steps of the export write; by default the source's tensors count.
 */
export function planSize(
  summary: ModelSummary,
  removed: readonly Unit[],
  written?: WrittenSizes | null,
): PlanSize {
  const plan = new Map(sortUnits(removed).map((unit) => [blockOf(unit), sublayerOf(unit)]));
  const cacheBytes = ({ index, kvBytesPerToken }: BlockSummary): number =>
    (kvBytesPerToken ?? 0) * (written?.blocks[index]?.cacheRatio ?? 1);
  const isKnown = summary.kvBytesPerToken !== null;
  const size = {
    params: summary.params,
    bytes: written?.total ?? summary.exportBytes ?? summary.bytes,
  };
  let cache = summary.blocks.reduce((total, block) => total + cacheBytes(block), 0);
  for (const block of summary.blocks) {
    const sublayer = plan.get(block.index);
    if (sublayer === undefined || (sublayer !== null && !block.hasSublayers)) continue;
    const unit = unitSize(block, sublayer);
    if (!unit) continue;
    size.params -= unit.params;
    size.bytes -= written
      ? writtenBytes(written.blocks[block.index], sublayer)
      : unit.bytes + entryBytes(block, sublayer);
    if (sublayer !== 'ffn') cache -= cacheBytes(block);
  }
  return { ...size, kvBytesPerToken: isKnown ? cache : null };
}

/** Parameters of the units that a plan removes. */
export const weightsOf = (summary: ModelSummary, removed: readonly Unit[]): number =>
  summary.params - planSize(summary, removed).params;

/** Parameters and weight bytes of a block (`sublayer` null) or of one of its sublayers. */
function unitSize(block: BlockSummary, sublayer: Sublayer | null): Size | null {
  if (sublayer === null) return block;
  return sublayer === 'attn' ? block.attention : block.feedForward;
}

/** Bytes of the nodes and tensor entries of a block, or of a sublayer, in the graph file. */
function entryBytes(block: BlockSummary, sublayer: Sublayer | null): number {
  const entries = block.graphBytes ?? 0;
  const feedForward = block.feedForwardGraphBytes ?? 0;
  if (sublayer === null) return entries;
  return sublayer === 'attn' ? entries - feedForward : feedForward;
}

function writtenBytes(
  block: Omit<WrittenSizes['blocks'][number], 'cacheRatio'> = { attention: 0, feedForward: 0 },
  sublayer: Sublayer | null,
): number {
  return (sublayer === 'ffn' ? 0 : block.attention) + (sublayer === 'attn' ? 0 : block.feedForward);
}
