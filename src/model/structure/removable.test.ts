// Which units may go together, judged by a summary alone.

import { describe, expect, it } from 'vitest';
import type { Unit } from '../../units.ts';
import { type RemovableBlock, unitsObstacle, withBorrowers, withoutLenders } from './removable.ts';

const LENDS =
  'Block 1 lends its cache to blocks 2 and 3: it can only be removed together with them.';
const plain: RemovableBlock = { hasSublayers: true };
const BLOCKS: RemovableBlock[] = [
  plain,
  { ...plain, borrowers: [2, 3], unremovable: LENDS, unremovableSublayers: { attn: 'stays' } },
  plain,
  plain,
  { ...plain, unremovable: 'its output is a model output.' },
];

describe('blocks that share a cache', () => {
  it.each<[Unit[], string | null]>([
    [[1], LENDS],
    [[0, 1, 2], LENDS],
    [[1, 2, 3], null],
    [[2, 3], null],
    [['1.ffn'], null],
    [['1.attn', '2.attn', 3], null],
    [[4], 'Block 4 cannot be removed: its output is a model output.'],
  ])('%s', (units, obstacle) => {
    expect(unitsObstacle(BLOCKS, units)).toBe(obstacle);
  });

  it('take those along that read it, and stay while one of them does', () => {
    expect(withBorrowers(BLOCKS, [0, 1])).toEqual([0, 1, 2, 3]);
    expect(withBorrowers(BLOCKS, ['1.attn'])).toEqual(['1.attn', '2.attn', '3.attn']);
    expect(withBorrowers(BLOCKS, ['1.ffn', 2])).toEqual(['1.ffn', 2]);
    expect(withoutLenders(BLOCKS, [0, 1, 3])).toEqual([0, 3]);
    expect(withoutLenders(BLOCKS, [1, 2, 3])).toEqual([1, 2, 3]);
  });
});
