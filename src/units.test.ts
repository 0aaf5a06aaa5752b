// Checks that plans of units have one written form.

import { describe, expect, it } from 'vitest';
import {
  blockOf,
  blocksLeft,
  formatUnits,
  parseUnit,
  parseUnits,
  sortUnits,
  sublayerOf,
  sublayerUnits,
  wholeBlocks,
} from './units.ts';

describe('units', () => {
  it('are read as they are written', () => {
    expect(['7', '7.attn', ' 12.ffn ', '7.mlp', 'attn', '-1', '1.5', ''].map(parseUnit)).toEqual([
      7,
      '7.attn',
      '12.ffn',
      null,
      null,
      null,
      null,
      null,
    ]);
    expect([blockOf('12.ffn'), sublayerOf('12.ffn'), blockOf(3), sublayerOf(3)]).toEqual([
      12,
      'ffn',
      3,
      null,
    ]);
  });

  it('have one order, and two parts are their block', () => {
    expect(sortUnits(['9.ffn', 7, '3.ffn', '3.attn', '10.attn', '7.attn', 7]).join()).toBe(
      '3,7,9.ffn,10.attn',
    );
    expect(wholeBlocks([3, '9.ffn'])).toEqual([3]);
    expect(blocksLeft(10, [3, '9.ffn'])).toBe(9);
    expect(sublayerUnits([3, '9.ffn'])).toEqual(['9.ffn']);
  });

  it('are written with runs and read again', () => {
    expect(formatUnits([3, 4, 7, 8, 9, '10.attn', 11])).toBe('3,4,7-9,10.attn,11');
    expect(parseUnits('9-7').wrong).toBe('9-7');
    expect(parseUnits('3, 7 - 9,10.attn, x').wrong).toBe('x');
    expect(parseUnits('11.ffn,3, 7 - 9,8').units).toEqual([3, 7, 8, 9, '11.ffn']);
    expect(parseUnits('').units).toEqual([]);
  });
});
