// From scores to an order, to groups within noise of each other, and to the lowest k blocks.

import { EspalierError } from '../errors.ts';
import { indistinguishable } from './bootstrap.ts';

/** What ranking needs of a block's score. */
export interface Ranked {
  index: number;
  /** Mean NLL without the block, nats per token. */
  nll: number;
  nllPerWindow: readonly number[];
  /** Why the block cannot be removed; such a block is in no order and no group. */
  refused?: string;
}

/** Block indices by NLL without the block, least important first; ties by index, NaN last. */
export function removalOrder(blocks: readonly Ranked[]): number[] {
  const key = (block: Ranked): number =>
    Number.isNaN(block.nll) ? Number.POSITIVE_INFINITY : block.nll;
  return blocks
    .filter((block) => block.refused === undefined)
    .sort((a, b) => (key(a) === key(b) ? a.index - b.index : key(a) - key(b)))
    .map((block) => block.index);
}

/**
 * Groups of blocks within noise of each other (paired bootstrap, 95 %). Each block is compared with
 * the lowest of its group, not with its neighbour, so that many small steps do not make one group.
 * @returns every ranked block once, in removal order.
 */
export function noiseGroups(blocks: readonly Ranked[]): number[][] {
  const byIndex = new Map(blocks.map((block) => [block.index, block]));
  const groups: number[][] = [];
  let lowest: Ranked | null = null;
  for (const index of removalOrder(blocks)) {
    const block = byIndex.get(index)!;
    if (lowest && indistinguishable(block.nllPerWindow, lowest.nllPerWindow))
      groups.at(-1)!.push(index);
    else {
      groups.push([index]);
      lowest = block;
    }
  }
  return groups;
}

/**
 * The k least important unlocked blocks, least important first.
 * @param order removal order.
 * @param locked indices of locked blocks.
 * @throws EspalierError `bad-input` when there are fewer than k unlocked blocks.
 */
export function lowest(order: readonly number[], k: number, locked: Iterable<number>): number[] {
  const lockedSet = new Set(locked);
  const unlocked = order.filter((index) => !lockedSet.has(index));
  if (!Number.isInteger(k) || k < 0)
    throw new EspalierError(
      'bad-input',
      `${k} is not a number of blocks.`,
      'Choose a whole number of at least 0.',
    );
  if (k > unlocked.length)
    throw new EspalierError(
      'bad-input',
      `${k} blocks cannot be removed: only ${unlocked.length} of ${order.length} are unlocked.`,
      `Unlock blocks or remove at most ${unlocked.length}.`,
    );
  return unlocked.slice(0, k);
}

/**
 * The blocks at the ends that the paper's Mag+ and Taylor+ lock: the first four and the last two,
 * or all of them in shorter models.
 */
export function endLocks(numBlocks: number, first = 4, last = 2): number[] {
  return Array.from({ length: numBlocks }, (_, index) => index).filter(
    (index) => index < first || index >= numBlocks - last,
  );
}
