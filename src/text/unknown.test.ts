// The warning about unknown tokens: from which share, and what it says.

import { describe, expect, it } from 'vitest';
import { unknownWarning } from './unknown.ts';

const ids = (unknown: number, all: number): number[] =>
  Array.from({ length: all }, (_, k) => (k < unknown ? 3 : 7));

describe('unknown tokens', () => {
  it('are said above 1 %', () => {
    expect(unknownWarning(ids(1, 100), 3, 'calibration text')).toBeNull();
    expect(unknownWarning(ids(2, 100), 3, 'calibration text')).toMatch(
      /^2\.0 % of the tokens of the calibration text are the unknown token \(id 3\)/,
    );
    expect(unknownWarning(ids(50, 100), 3, 'evaluation text')).toMatch(/^50 % .*evaluation text/);
  });

  it('are none where the tokenizer has none, and in an empty text', () => {
    expect(unknownWarning(ids(50, 100), null, 'text')).toBeNull();
    expect(unknownWarning([], 3, 'text')).toBeNull();
  });
});
