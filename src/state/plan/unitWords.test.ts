// Units in words: singular, plural, sublayers beside blocks.

import { describe, expect, it } from 'vitest';
import { countSublayers, countUnits, listUnits, nameUnit } from './unitWords.ts';

describe('units in words', () => {
  it('counts blocks and sublayers apart', () => {
    expect(countUnits([])).toBe('no block');
    expect(countUnits([3])).toBe('1 block');
    expect(countUnits([3, 4, '7.attn'])).toBe('2 blocks and 1 attention sublayer');
    expect(countUnits(['1.ffn', '7.ffn'])).toBe('2 feed-forward sublayers');
    expect(countUnits([2, '3.attn', '4.ffn'])).toBe(
      '1 block, 1 attention sublayer and 1 feed-forward sublayer',
    );
  });

  it('lists them', () => {
    expect(listUnits([2, 7, 8])).toBe('2, 7 and 8');
    expect(listUnits([3, '7.attn'])).toBe('3 and the attention of 7');
    expect(listUnits([2, '5.ffn', 7, 9])).toBe('2, 7, 9 and the feed-forward of 5');
    expect(listUnits(['7.ffn'])).toBe('the feed-forward of 7');
    expect(nameUnit(4)).toBe('block 4');
    expect(nameUnit('4.ffn')).toBe('the feed-forward of block 4');
  });

  it('counts a block as two sublayers', () => {
    expect(countSublayers([3, '7.attn'])).toBe(3);
  });
});
