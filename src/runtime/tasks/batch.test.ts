// Sequences put into batches: what is shared, what is padded, what is predicted from where, and
// that nothing is lost or scored twice.

import { expect, test } from 'vitest';
import { BatchBuilder, type TaskSequence } from './batch.ts';
import { trialOf } from './check.ts';
import { SequenceQueue } from './queue.ts';

const PACKED = { shared: true, padded: true, whole: false };
const ROWS = { shared: false, padded: true, whole: false };

const SEQUENCES: TaskSequence[] = [
  { ids: [1, 2, 3, 4], predicts: 1, group: 0 },
  { ids: [1, 2, 3, 5], predicts: 1, group: 0 },
  { ids: [1, 2, 6, 7, 8], predicts: 2, group: 1 },
];

test('rows that begin alike share positions; one that ends in another needs no row', () => {
  const builder = new BatchBuilder(PACKED);
  SEQUENCES.forEach((sequence, k) => void builder.add(k, sequence));
  expect(builder.build()).toMatchObject({
    positions: 5,
    chunk: { rows: 2, length: 4, ids: [1, 2, 3, 0, 1, 2, 6, 7] },
    rows: [0, 1, 2, 0, 0, 1, 3, 4],
    nodes: [0, 1, 2, 6, 7],
    predictions: [
      { sequence: 0, position: 2, target: 4 },
      { sequence: 1, position: 2, target: 5 },
      { sequence: 2, position: 3, target: 7 },
      { sequence: 2, position: 4, target: 8 },
    ],
  });
});

test('without sharing positions are the tokens of the rows', () => {
  const builder = new BatchBuilder(ROWS);
  for (const k of [0, 2]) builder.add(k, SEQUENCES[k]!);
  expect(builder.build()).toMatchObject({
    positions: 7,
    chunk: { rows: 2, length: 4, ids: [1, 2, 3, 0, 1, 2, 6, 7] },
    predictions: [
      { sequence: 0, position: 2, target: 4 },
      { sequence: 2, position: 6, target: 7 },
      { sequence: 2, position: 7, target: 8 },
    ],
  });
});

test('what a group would add counts what is there', () => {
  const builder = new BatchBuilder(PACKED);
  builder.add(0, SEQUENCES[0]!);
  expect(builder.cost(SEQUENCES.slice(1))).toBe(2);
});

test.each([
  [PACKED, 12],
  [PACKED, 3],
  [ROWS, 12],
  [{ shared: false, padded: false, whole: true }, 12],
])('%j, %i positions: every sequence once, within the size', (form, positions) => {
  const sequences = Array.from({ length: 40 }, (_, k) => ({
    ids: [9, 1 + Math.floor(k / 4), ...Array.from({ length: 1 + (k % 5) }, (_, t) => 10 + t + k)],
    predicts: 1,
    group: Math.floor(k / 4),
  }));
  const queue = new SequenceQueue(sequences, [...sequences.keys()], form);
  const size = { positions, tokens: 2 * positions, rows: 4 };
  const seen: number[] = [];
  for (let batch = queue.next(size); batch; batch = queue.next(size)) {
    seen.push(...batch.sequences);
    if (batch.sequences.length === 1) continue;
    expect(batch.positions).toBeLessThanOrEqual(positions);
    expect(batch.chunk.rows).toBeLessThanOrEqual(4);
    if (!form.padded) expect(batch.chunk.ids).not.toContain(0);
  }
  expect(seen.sort((a, b) => a - b)).toEqual([...sequences.keys()]);
});

test('a trial leaves out the longest rows where memory has no room for all', () => {
  const rows = [5, 9, 8, 3].map((length, k) => ({
    ids: Array<number>(length).fill(1),
    predicts: 1,
    group: k > 1 ? 2 : k,
  }));
  const order = [0, 1, 2, 3];
  expect(trialOf(rows, order, () => true)).toEqual([2, 3, 1]);
  expect(trialOf(rows, order, (count, longest) => count * longest <= 16)).toEqual([2, 3]);
  expect(trialOf(rows, order, () => false)).toHaveLength(2);
});
