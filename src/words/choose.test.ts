// A point of the curve in words.

import { describe, expect, it } from 'vitest';
import { type PointWords, pointWords } from './choose.ts';

const point: PointWords = {
  index: 3,
  refused: null,
  noNumber: false,
  perplexity: null,
  interval: null,
  noise: null,
  removed: false,
  locked: false,
};

describe('a block without a score', () => {
  it('says its reason once, whether that names the block or not', () => {
    const lends = 'Block 3 lends its cache to block 4: it can only be removed together with it.';
    expect(pointWords({ ...point, refused: lends })).toBe(lends);
    expect(pointWords({ ...point, refused: 'its output has another width' })).toBe(
      'Block 3: cannot be scored, its output has another width.',
    );
    expect(pointWords({ ...point, refused: lends, locked: true })).toMatch(/with it; locked\.$/);
  });
});
