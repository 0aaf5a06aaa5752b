// From scores to an order, groups of equals and the lowest k; must not change a score or hide a
// lock.

import { EspalierError } from '../errors.ts';
import { indistinguishable } from './bootstrap.ts';

/** What ranking needs of a block's score. */
export interface Ranked {
  index: number;
  /** Mean NLL without the block, nats per token. */
  nll: number;
  nllPerWindow: readonly number[];
  /** Set when the block cannot be left out; such a block is in no order and no group. */
  refused?: string;
}

/**
 * Block indices by NLL without the block, least important first; equal NLLs keep block order, NaN
 * comes last.
 */
export function removalOrder(blocks: readonly Ranked[]): number[] {
  const key = (block: Ranked): number =>
    Number.isNaN(block.nll) ? Number.POSITIVE_INFINITY : block.nll;
  return blocks
    .filter((block) => block.refused === undefined)
    .sort((a, b) => (key(a) === key(b) ? a.index - b.index : key(a) - key(b)))
    .map((block) => block.index);
}

/**
 * Runs of the removal order whose blocks the windows cannot tell from the run's lowest block
 * (paired bootstrap, 95 %). Each is held against the lowest, not against its neighbour: a chain of
 * small steps does not make equals.
 * @returns every ranked block once, groups in removal order; most groups have several blocks when
 *   windows are few
 */
export function equalGroups(blocks: readonly Ranked[]): number[][] {
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
 * The k least important blocks that are not locked, least important first.
 * @param order removal order
 * @param locked indices that must stay
 * @throws EspalierError `bad-input` when k is more than there are unlocked blocks: locks are never
 *   overruled
 */
export function lowest(order: readonly number[], k: number, locked: Iterable<number>): number[] {
  const stays = new Set(locked);
  const free = order.filter((index) => !stays.has(index));
  if (!Number.isInteger(k) || k < 0)
    throw new EspalierError(
      'bad-input',
      `${k} is no number of blocks to remove.`,
      'Choose a whole number from 0 on.',
    );
  if (k > free.length)
    throw new EspalierError(
      'bad-input',
      `${k} blocks cannot be removed: only ${free.length} of ${order.length} are unlocked.`,
      `Unlock blocks or remove at most ${free.length}.`,
    );
  return free.slice(0, k);
}

/**
 * The blocks that "protect the ends" locks: the first four and the last two (Mag+ and Taylor+ of
 * the paper), fewer when there are fewer.
 */
export function endLocks(numBlocks: number, first = 4, last = 2): number[] {
  return Array.from({ length: numBlocks }, (_, index) => index).filter(
    (index) => index < first || index >= numBlocks - last,
  );
}
