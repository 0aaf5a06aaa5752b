// The axis and the marks of the sensitivity chart.

import { describe, expect, it } from 'vitest';
import {
  columnsOf,
  nearestMark,
  partsOf,
  type SensitivityPoint,
  sensitivityMarks,
  sensitivityRange,
  sensitivityTicks,
} from './sensitivityLayout.ts';

const point = (
  block: number | null,
  part: string,
  sensitivity: number | null,
): SensitivityPoint => ({
  id: `${block}.${part}`,
  block,
  part,
  sensitivity,
  form: 4,
  byHand: false,
});

const POINTS = [
  point(null, 'head', 0.02),
  point(null, 'embedding', 0.01),
  point(1, 'qkv', 1e-3),
  point(1, 'down', 1e-2),
  point(0, 'qkv', 1e-4),
  point(0, 'down', null),
];

describe('the axis', () => {
  it('holds every positive value, with round ticks', () => {
    const range = sensitivityRange([2e-4, 3e-3, 0.04]);
    expect(range.low).toBeLessThan(2e-4);
    expect(range.high).toBeGreaterThan(0.04);
    expect(sensitivityTicks(range)).toEqual([2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2]);
  });

  it('spans six decades at most, and survives zero, nothing and what is no number', () => {
    const { low, high } = sensitivityRange([0, -1e-9, 1e-15, 1, Number.NaN]);
    expect(high / low).toBeLessThan(1e7);
    expect(sensitivityTicks({ low, high })).toEqual([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]);
    const none = sensitivityRange([]);
    expect(none.low).toBeGreaterThan(0);
    expect(sensitivityTicks(sensitivityRange([0.01])).length).toBeGreaterThan(0);
  });
});

describe('the marks', () => {
  it('stand in the order of the model, embedding first and head last', () => {
    expect(columnsOf(POINTS).map(({ label }) => label)).toEqual(['embedding', '0', '1', 'head']);
    expect(partsOf(POINTS)).toEqual(['qkv', 'down']);
  });

  it('have a place for each part in the column of their block, higher where it costs more', () => {
    const range = { low: 1e-5, high: 0.1 };
    const marks = sensitivityMarks(POINTS, range, 400, 200);
    expect(marks.map(({ id }) => id)).toEqual([
      'null.embedding',
      '0.qkv',
      '1.qkv',
      '1.down',
      'null.head',
    ]);
    const [embedding, first, qkv, down, head] = marks;
    expect(embedding!.x).toBe(50);
    expect(head!.x).toBe(350);
    expect(first!.x).toBeGreaterThan(100);
    expect(qkv!.x - first!.x).toBeCloseTo(100, 6);
    expect(down!.x).toBeLessThan(300);
    expect(down!.y).toBeCloseTo(50, 6);
    expect(qkv!.y).toBeCloseTo(100, 6);
  });

  it('lie on the floor where they are below the axis', () => {
    const [mark] = sensitivityMarks([point(0, 'o', 0)], { low: 1e-3, high: 1 }, 100, 50);
    expect(mark).toMatchObject({ y: 50, onFloor: true });
  });
});

it('the nearest mark is found within its distance alone', () => {
  const marks = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
  ];
  expect(nearestMark(marks, 7, 1, 20)).toBe(marks[1]);
  expect(nearestMark(marks, 30, 0, 10)).toBeNull();
});
