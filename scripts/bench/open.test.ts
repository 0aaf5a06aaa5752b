// Opening reads less than 1 % of the weights: on disk, hosted, at 2 GB and at 8 GB; and the
// counting behind it.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { overlap } from './counting.ts';
import { openLarge } from './open.ts';

describe('counting', () => {
  it('counts bytes of both lists once, per file', () => {
    const at = (file: string, offset: number, length: number) => ({ file, offset, length });
    const weights = [at('a', 10, 10), at('a', 30, 10), at('b', 0, 100)];
    expect(overlap(weights, weights)).toBe(120);
    expect(overlap(weights, [at('a', 0, 15), at('a', 12, 20), at('c', 0, 9)])).toBe(12);
    expect(overlap(weights, [at('a', 20, 10), at('b', 90, 0)])).toBe(0);
  });
});

describe('opening', () => {
  it('reads less than 1 % of the weights of every folder, and nothing of external ones', async () => {
    const rows = await openLarge(join(import.meta.dirname, '../..'));
    expect(rows.map((row) => row.ok)).toEqual([true, true, true, true, true]);
    expect(rows.slice(0, 4).map((row) => row.weightBytesRead)).toEqual([0, 0, 0, 0]);
    for (const row of rows.slice(2)) expect(row.weightBytes).toBeGreaterThan(1.9e9);
    expect(rows[3]!.weightBytes).toBeGreaterThan(7.9e9);
    // Even counting the graph itself and the configs.
    for (const row of rows) expect(row.bytesRead / row.weightBytes).toBeLessThan(0.01);
    // What is read twice comes over the wire once.
    expect(rows[1]!.bytesSent).toBeLessThanOrEqual(rows[1]!.bytesRead);
  });
});
