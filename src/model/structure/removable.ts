// Which units can be removed from a model, and why not the others, judged by its summary alone: the
// page and the command line ask without a graph.

import {
  blockOf,
  blocksLeft,
  type Sublayer,
  sortUnits,
  sublayerOf,
  sublayerUnit,
  type Unit,
} from '../../units.ts';

/** What decides whether a block or a sublayer of it may be removed; a `BlockSummary` has it all. */
export interface RemovableBlock {
  /** True when attention and feed-forward can be separated. */
  hasSublayers: boolean;
  /** The sublayer that an earlier removal has taken. */
  lacks?: Sublayer | null;
  /** Why the block cannot be removed alone. */
  unremovable?: string | null;
  /**
   * Blocks that read the cache of this one: with all of them it can be removed, whatever keeps it
   * from being removed alone.
   */
  borrowers?: readonly number[];
  /** Why a sublayer of it cannot be removed alone. */
  unremovableSublayers?: Partial<Record<Sublayer, string>> | null;
}

/** The reason of a block that lends its cache names the block itself. */
function inSentence(index: number, { unremovable, borrowers }: RemovableBlock): string {
  return borrowers?.length
    ? (unremovable ?? '')
    : `Block ${index} cannot be removed: ${unremovable}`;
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

/** True when the plan takes the attention of a block, alone or with the block. */
function takesAttention(units: ReadonlySet<Unit>, block: number): boolean {
  return units.has(block) || units.has(sublayerUnit(block, 'attn'));
}

/**
 * Why a plan cannot take the attention of a block whose cache others read, as a sentence; null
 * when it takes theirs too.
 */
export function lendingObstacle(
  blocks: readonly Pick<RemovableBlock, 'borrowers'>[],
  units: readonly Unit[],
): string | null {
  const taken = new Set(units);
  for (const unit of units) {
    const block = blockOf(unit);
    const borrowers = blocks[block]?.borrowers ?? [];
    if (sublayerOf(unit) === 'ffn' || borrowers.every((b) => takesAttention(taken, b))) continue;
    const [only, ...more] = borrowers;
    const others = more.length === 0 ? `block ${only}` : `blocks ${listed(borrowers)}`;
    const [subject, them] =
      sublayerOf(unit) === null
        ? [`Block ${block}`, more.length === 0 ? 'it' : 'them']
        : [
            `The attention of block ${block}`,
            more.length === 0 ? 'the attention of that block' : 'theirs',
          ];
    return `${subject} lends its cache to ${others}: it can only be removed together with ${them}.`;
  }
  return null;
}

/** [4, 5, 6] as "4, 5 and 6". */
function listed(blocks: readonly number[]): string {
  return `${blocks.slice(0, -1).join(', ')} and ${blocks.at(-1)}`;
}

/** Units with the blocks that must go with them: those that read the cache of a block that goes. */
export function withBorrowers(
  blocks: readonly Pick<RemovableBlock, 'borrowers'>[],
  units: readonly Unit[],
): Unit[] {
  const found = [...units];
  for (const unit of units) {
    if (sublayerOf(unit) === 'ffn') continue;
    for (const borrower of blocks[blockOf(unit)]?.borrowers ?? [])
      found.push(sublayerOf(unit) === null ? borrower : sublayerUnit(borrower, 'attn'));
  }
  return sortUnits(found);
}

/** Units without those that lend their cache to a block that stays. */
export function withoutLenders(
  blocks: readonly Pick<RemovableBlock, 'borrowers'>[],
  units: readonly Unit[],
): Unit[] {
  return units.filter((unit) => {
    const borrowers = sublayerOf(unit) === 'ffn' ? [] : (blocks[blockOf(unit)]?.borrowers ?? []);
    const taken = new Set(units);
    return borrowers.every((borrower) => takesAttention(taken, borrower));
  });
}

/**
 * Why this unit cannot be removed, as a sentence, or null when it can.
 * @param plan the plan that it is removed in: a block whose cache others read can be removed
 *   together with all of them.
 */
export function unitObstacle(
  blocks: readonly RemovableBlock[],
  unit: Unit,
  plan: readonly Unit[] = [unit],
): string | null {
  const index = blockOf(unit);
  const block = blocks[index];
  if (!block) return missingBlock(blocks.length, [unit]);
  const sublayer = sublayerOf(unit);
  const lends = (block.borrowers?.length ?? 0) > 0 && sublayer !== 'ffn';
  const together = lends && lendingObstacle(blocks, plan) === null;
  if (sublayer === null) return block.unremovable && !together ? inSentence(index, block) : null;
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
  return together ? null : (block.unremovableSublayers?.[sublayer] ?? null);
}

/** Why these sorted units cannot be removed, as a sentence about the first, or null. */
export function unitsObstacle(
  blocks: readonly RemovableBlock[],
  units: readonly Unit[],
): string | null {
  const wrong = listObstacle(blocks.length, units);
  if (wrong !== null) return wrong;
  const lent = lendingObstacle(blocks, units);
  if (lent !== null) return lent;
  for (const unit of units) {
    const obstacle = unitObstacle(blocks, unit, units);
    if (obstacle !== null) return obstacle;
  }
  return null;
}
