// Which units are refitted for which runs of removed ones.

import { describe, expect, it } from 'vitest';
import type { Unit } from '../../units.ts';
import { refitOrder } from './refitTargets.ts';

/** `unit -> wanted state (removed run)`. */
function targets(numBlocks: number, removed: Unit[], all = false): string[] {
  return refitOrder(numBlocks, removed, all).targets.map(
    ({ unit, wanted, run }) =>
      `${unit} -> ${wanted.insideBlock ? `inside ${wanted.cut}` : wanted.cut} (${run.join()})`,
  );
}

describe('the order of a refit', () => {
  it('has the last kept block before each run', () => {
    expect(targets(8, [1, 4, 5, 7])).toEqual(['0 -> 2 (1)', '3 -> 6 (4,5)', '6 -> 8 (7)']);
  });

  it('has no block before a run at the start', () => {
    expect(targets(4, [0, 1])).toEqual([]);
    expect(refitOrder(4, [0, 1], false).first).toEqual([0, 1]);
    expect(targets(2, [0, 1])).toEqual([]);
  });

  it('has every kept block behind the first removal where all are asked for', () => {
    expect(targets(6, [2, 4], true)).toEqual(['1 -> 3 (2)', '3 -> 5 (4)', '5 -> 6 ()']);
    expect(targets(4, [0], true)).toEqual(['1 -> 2 ()', '2 -> 3 ()', '3 -> 4 ()']);
  });

  it('has sublayers, and states inside of blocks', () => {
    expect(targets(4, ['2.attn'])).toEqual(['1 -> inside 2 (2.attn)']);
    expect(targets(4, ['2.ffn'])).toEqual(['2.attn -> 3 (2.ffn)']);
    expect(targets(4, ['1.ffn', '2.attn'])).toEqual(['1.attn -> inside 2 (1.ffn,2.attn)']);
    expect(targets(4, ['1.attn', 2])).toEqual(['0 -> inside 1 (1.attn)', '1.ffn -> 3 (2)']);
    expect(targets(4, [1, '2.attn'], true)).toEqual([
      '0 -> inside 2 (1,2.attn)',
      '2.ffn -> 3 ()',
      '3 -> 4 ()',
    ]);
    expect(refitOrder(2, ['0.attn'], false).first).toEqual(['0.attn']);
  });
});
