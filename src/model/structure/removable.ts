// Which units can be removed from a model, and why not the others, judged by its summary alone: the
// page and the command line ask without a graph.

import { blockOf, blocksLeft, type Sublayer, sublayerOf, type Unit } from '../../units.ts';

/** What decides whether a block or a sublayer of it may be removed; a `BlockSummary` has it all. */
export interface RemovableBlock {
  /** True when attention and feed-forward can be separated. */
  hasSublayers: boolean;
  /** The sublayer that an earlier removal has taken. */
  lacks?: Sublayer | null;
  /** Why the block cannot be removed. */
  unremovable?: string | null;
  /** Why a sublayer of it cannot be removed alone. */
  unremovableSublayers?: Partial<Record<Sublayer, string>> | null;
}

/** The first unit of a block that the model does not have, as a sentence, or null. */
export function missingBlock(numBlocks: number, units: readonly Unit[]): string | null {
  const missing = units
    .map(blockOf)
    .find((block) => !Number.isInteger(block) || block < 0 || block >= numBlocks);
  return missing === undefined
    ? null
    : `There is no block ${missing}; the model has blocks 0 to ${numBlocks - 1}.`;
}

/**
 * Why a model of that many blocks cannot lose these sorted units, whatever its blocks are; null
 * when it can.
 */
export function listObstacle(numBlocks: number, units: readonly Unit[]): string | null {
  const missing = missingBlock(numBlocks, units);
  if (missing !== null) return missing;
  if (blocksLeft(numBlocks, units) > 0) return null;
  return numBlocks === 1
    ? 'At least one block must stay; the model has only one.'
    : `At least one block must stay; the plan removes all ${numBlocks} blocks.`;
}

/** Why this unit cannot be removed, as a sentence, or null when it can. */
export function unitObstacle(blocks: readonly RemovableBlock[], unit: Unit): string | null {
  const index = blockOf(unit);
  const block = blocks[index];
  if (!block) return missingBlock(blocks.length, [unit]);
  const sublayer = sublayerOf(unit);
  if (sublayer === null)
    return block.unremovable ? `Block ${index} cannot be removed: ${block.unremovable}` : null;
  if (block.lacks)
    return (
      `Block ${index} has only its ${block.lacks === 'attn' ? 'feed-forward' : 'attention'} ` +
      'left: it can only be removed as a whole.'
    );
  if (!block.hasSublayers)
    return (
      `Attention and feed-forward of block ${index} cannot be separated, so ${unit} cannot be ` +
      'removed on its own.'
    );
  return block.unremovableSublayers?.[sublayer] ?? null;
}

/** Why these sorted units cannot be removed, as a sentence about the first, or null. */
export function unitsObstacle(
  blocks: readonly RemovableBlock[],
  units: readonly Unit[],
): string | null {
  const wrong = listObstacle(blocks.length, units);
  if (wrong !== null) return wrong;
  for (const unit of units) {
    const obstacle = unitObstacle(blocks, unit);
    if (obstacle !== null) return obstacle;
  }
  return null;
}
