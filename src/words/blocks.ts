// What the Blocks panel says: how many to remove, by which order, and the list.

export const BLOCKS = {
  title: 'Blocks',
  list: 'Blocks; checked blocks are kept',
  showList: 'Choose blocks one by one',
  keepAll: 'Keep all',
  remove: 'Remove the',
  leastBlocks: 'least important blocks',
  leastSublayers: 'least important sublayers',
  leastBlock: 'least important block',
  leastSublayer: 'least important sublayer',
  orderBy: 'by',
  perplexity: 'perplexity',
  contiguous: ', neighbouring blocks',
  scoreFirst: 'Available once the blocks are scored or criteria are compared.',
  scoring: 'Available when scoring has ended.',
  clipped: 'longer than shown',
} as const;

/** Names the number field and the slider. */
export const countLabel = (ofSublayers: boolean): string =>
  `Number of ${ofSublayers ? 'sublayers' : 'blocks'} to remove`;

export function leastWords(ofSublayers: boolean, count: number): string {
  if (ofSublayers) return count === 1 ? BLOCKS.leastSublayer : BLOCKS.leastSublayers;
  return count === 1 ? BLOCKS.leastBlock : BLOCKS.leastBlocks;
}
