// What the Blocks and Architecture panels say: how many to remove, by which order, and the list.

export const ARCHITECTURE = {
  title: 'Architecture',
  bypassed: 'removed blocks are bypassed',
  sublayers: 'attention above feed-forward, by size',
} as const;

export const BLOCKS = {
  refused: 'refused',
  /** It lends its cache: it has no number of its own, and goes together with others. */
  notAlone: 'lends',
  noNumber: 'no number',
  fixed: 'fixed',
  locked: 'Locked: never removed',
  lock: 'Lock this block: automatic choices will keep it',
  sublayers: 'Attention and feed-forward',
  oneSublayerRemoved: 'One sublayer is removed',
  title: 'Blocks',
  list: 'Blocks; checked blocks are kept',
  showList: 'Choose blocks one by one',
  keepAll: 'Keep all',
  remove: 'Remove the',
  removeShort: 'Remove',
  leastBlocks: 'least important blocks',
  leastSublayers: 'least important sublayers',
  leastBlock: 'least important block',
  leastSublayer: 'least important sublayer',
  orderBy: 'by',
  perplexity: 'perplexity',
  contiguous: ', neighbouring blocks',
  scoreFirst: 'Available once the blocks are scored or criteria are compared.',
  noRanking: 'Not available: the intact model gives no numbers, so no order means anything.',
  busy: 'Available when the running work has ended.',
  clipped: 'longer than shown',
} as const;

/** Names the number field and the slider. */
export const countLabel = (ofSublayers: boolean): string =>
  `Number of ${ofSublayers ? 'sublayers' : 'blocks'} to remove`;

export function leastWords(ofSublayers: boolean, count: number): string {
  if (ofSublayers) return count === 1 ? BLOCKS.leastSublayer : BLOCKS.leastSublayers;
  return count === 1 ? BLOCKS.leastBlock : BLOCKS.leastBlocks;
}

export const lockLabel = (block: number): string => `Lock block ${block}`;

export const sublayersLabel = (block: number): string => `Sublayers of block ${block}`;

export const withinNoiseOf = (blocks: string): string => `Within noise of ${blocks}`;

interface RowFacts {
  index: number;
  size: string;
  perplexity: string | null;
  /** Letter of its group; '' where it is in none. */
  group: string;
  removedSublayer: 'attn' | 'ffn' | null;
  locked: boolean;
  /** Why it cannot be removed alone. */
  unremovable: string | undefined;
  /** It can be removed together with others, as that sentence says. */
  together: boolean;
}

/** All that a row of the block list shows, in words. */
export function rowWords(facts: RowFacts): string {
  const { index, size, perplexity, group, removedSublayer, locked, unremovable, together } = facts;
  const words = [`Block ${index}`, size];
  if (perplexity !== null) words.push(`perplexity without it ${perplexity}`);
  if (group) words.push(`group ${group}`);
  if (removedSublayer)
    words.push(`${removedSublayer === 'attn' ? 'attention' : 'feed-forward'} removed`);
  if (locked) words.push('locked');
  if (unremovable) words.push(together ? unremovable : `cannot be removed: ${unremovable}`);
  return words.join(', ');
}
