// Ridge regression held to its normal equations, for sizes around the edges of blocks.

import { describe, expect, it } from 'vitest';
import { xoshiro128 } from '../random.ts';
import { RidgeSums, solveRidge } from './ridge.ts';
import { BLOCK, SymmetricMatrix } from './symmetric.ts';

const noTurn = async (): Promise<void> => {};

interface Problem {
  /** (tokens, inputs) and (tokens, outputs). */
  h: number[][];
  r: number[][];
}

function problem(tokens: number, inputs: number, outputs: number): Problem {
  const next = xoshiro128(inputs * 31 + outputs);
  const row = (width: number) => Array.from({ length: width }, () => next() / 2 ** 31 - 1);
  return {
    h: Array.from({ length: tokens }, () => row(inputs)),
    r: Array.from({ length: tokens }, () => row(outputs)),
  };
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
const columnOf = (rows: readonly number[][], k: number): number[] => rows.map((row) => row[k]!);

/** Sums of a problem, the gram matrix in stripes of `width` columns. */
function sumsOf({ h, r }: Problem, width: number): RidgeSums {
  const [inputs, outputs] = [h[0]!.length, r[0]!.length];
  const sums = new RidgeSums(inputs, outputs);
  const columns = Array.from({ length: inputs }, (_, k) => columnOf(h, k));
  for (let from = 0; from < inputs; from += width) {
    const to = Math.min(inputs, from + width);
    const rows = columns.slice(from);
    sums.gram.addStripe(
      from,
      to,
      rows.flatMap((a) => columns.slice(from, to).map((b) => dot(a, b))),
    );
  }
  sums.addCross(
    Array.from({ length: outputs }, (_, c) => columns.map((a) => dot(a, columnOf(r, c)))).flat(),
  );
  return sums;
}

describe('ridge regression', () => {
  it.each([
    [1, 1, 4],
    [5, 3, 3],
    [BLOCK, 2, BLOCK],
    [BLOCK + 1, 5, 50],
    [2 * BLOCK + 7, 3, 100],
    [5 * BLOCK + 3, 2, 1000],
  ])('of %i inputs and %i outputs solves its normal equations', async (inputs, outputs, width) => {
    const given = problem(Math.ceil(inputs / 2) + 5, inputs, outputs);
    const ridge = 0.01;
    const { change, lambda } = await solveRidge(sumsOf(given, width), ridge, noTurn);
    const { h, r } = given;
    const columns = Array.from({ length: inputs }, (_, k) => columnOf(h, k));
    const trace = h.flat().reduce((sum, x) => sum + x * x, 0);
    expect(lambda / ((ridge * trace) / inputs)).toBeCloseTo(1, 12);
    // h'(r - h D) = lambda D, for every output.
    for (let c = 0; c < outputs; c++) {
      const d = [...change.subarray(c * inputs, (c + 1) * inputs)];
      const rest = h.map((row, t) => r[t]![c]! - dot(row, d));
      for (let k = 0; k < inputs; k += 7)
        expect(Math.abs(dot(columns[k]!, rest) - lambda * d[k]!)).toBeLessThan(1e-8);
    }
  });

  it('refuses inputs that do not vary, and numbers that are none', async () => {
    const sums = new RidgeSums(3, 1);
    sums.gram.addStripe(0, 3, [1, 0, 0, 1, 1, 0, 0, 0, 1]);
    await expect(solveRidge(sums, 0, noTurn)).rejects.toThrow(/direction 1 of 3/);
    const broken = new RidgeSums(1, 1);
    broken.gram.addStripe(0, 1, [Number.NaN]);
    await expect(solveRidge(broken, 1, noTurn)).rejects.toThrow(/not numbers/);
  });

  it('lets others have their turn, and ends where they say so', async () => {
    let turns = 0;
    const end = async (): Promise<void> => {
      turns += 1;
      if (turns === 4) throw new Error('ended');
    };
    const given = problem(20, 5 * BLOCK, 1);
    await expect(solveRidge(sumsOf(given, 64), 1, end)).rejects.toThrow('ended');
    expect(turns).toBe(4);
  });

  it('keeps little more than half of a large matrix', () => {
    expect(SymmetricMatrix.bytes(8192) / (8192 * 8192 * 8)).toBeLessThan(0.51);
  });
});
