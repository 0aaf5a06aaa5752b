// Numbers as people read them.

import { describe, expect, it } from 'vitest';
import { formatBytes, listed, plural } from '../quantities.ts';
import {
  formatChange,
  formatCount,
  formatOriginal,
  formatPpl,
  formatRate,
  formatSeconds,
  formatShort,
} from './format.ts';

describe('format', () => {
  it('gives perplexities four digits, and powers of ten beyond a million', () => {
    expect(
      [3.1418, 9.99996, 41.2582, 999.96, 5885.51].map((ppl) => formatPpl(Math.log(ppl))),
    ).toEqual(['3.142', '10.00', '41.26', '1,000', '5,886']);
    expect(formatPpl(Math.log(8.3e12))).toBe('8.3 × 10¹²');
    expect(formatPpl(1000)).toBe('2.0 × 10⁴³⁴');
    expect(formatPpl(Number.POSITIVE_INFINITY)).toBe('∞');
    expect(formatPpl(Number.NaN)).toBe('not a number');
  });

  it('gives an original without numbers no perplexity, and no change from it', () => {
    expect([Number.NaN, Number.POSITIVE_INFINITY, Math.log(41.26)].map(formatOriginal)).toEqual([
      'none',
      'none',
      '41.26',
    ]);
    expect(formatChange(Number.POSITIVE_INFINITY, 41)).toBe('');
    expect(formatChange(Number.NaN, 41)).toBe('');
  });

  it('gives rates and short times three digits', () => {
    expect([0.5, 7.616, 9.996, 99.96, 211.7, 4929.6].map(formatRate)).toEqual([
      '0.50',
      '7.62',
      '10.0',
      '100',
      '212',
      '4,930',
    ]);
    expect([0.000823, 0.00983, 0.1318, 0.9996, 1.239, 12.4].map(formatShort)).toEqual([
      '0.82 ms',
      '9.83 ms',
      '132 ms',
      '1.00 s',
      '1.24 s',
      '12 s',
    ]);
  });

  it('counts bytes in thousands', () => {
    expect([512, 8192, 12_230_433, 1_999_999_999].map(formatBytes)).toEqual([
      '512 B',
      '8.2 kB',
      '12.2 MB',
      '2.0 GB',
    ]);
    expect([262_144, 3_018_880, 6_738_000_000, 7].map(formatCount)).toEqual([
      '262 k',
      '3.02 M',
      '6.74 B',
      '7',
    ]);
  });

  it('says changes with a sign', () => {
    expect(formatChange(41.26, 47.92)).toBe('+16 %');
    expect(formatChange(8192, 6144)).toBe('−25 %');
    expect(formatChange(1, 1)).toBe('');
    expect(formatChange(41, 5885)).toBe('144 ×');
    expect(formatChange(100, 100.001)).toBe('+<0.1 %');
  });

  it('says times, counts and lists', () => {
    expect([0.91, 42.4, 200, 4800].map(formatSeconds)).toEqual([
      '0.9 s',
      '42 s',
      '3 min',
      '80 min',
    ]);
    expect([plural(1, 'block'), plural(3, 'block'), listed([1, 2, 5])]).toEqual([
      '1 block',
      '3 blocks',
      '1, 2 and 5',
    ]);
  });
});
