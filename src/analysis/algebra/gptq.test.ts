// GPTQ against the algorithm as it is published, with the inverse of H and column after column.

import { describe, expect, it } from 'vitest';
import { factorInputs, type RoundedRow, roundRows } from './gptq.ts';
import { SymmetricMatrix } from './symmetric.ts';

const TOKENS = 150;
const turn = async (): Promise<void> => {};

/** Numbers in -1 .. 1 that are the same in every run. */
function numbers(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
}

type Square = number[][];

const square = (size: number, value: (i: number, j: number) => number): Square =>
  Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => value(i, j)));

/** Lower triangular L with A = L L'. */
function cholesky(a: Square): Square {
  const l = square(a.length, () => 0);
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i]![j]!;
      for (let p = 0; p < j; p++) sum -= l[i]![p]! * l[j]![p]!;
      l[i]![j] = i === j ? Math.sqrt(sum) : sum / l[j]![j]!;
    }
  return l;
}

/** By Gauss and Jordan, without pivots. */
function inverse(a: Square): Square {
  const n = a.length;
  const work = a.map((row, i) => [...row, ...square(n, (r, c) => (r === c ? 1 : 0))[i]!]);
  for (let k = 0; k < n; k++) {
    const pivot = work[k]![k]!;
    work[k] = work[k]!.map((value) => value / pivot);
    for (let i = 0; i < n; i++) {
      const factor = work[i]![k]!;
      if (i !== k) work[i] = work[i]!.map((value, c) => value - factor * work[k]![c]!);
    }
  }
  return work.map((row) => row.slice(n));
}

/** Every row's q, scales and zero points, flat. */
type All = { q: number[]; scales: number[]; zeros: number[] };

/** As in the paper, with H = 2/n X'X, n the tokens. */
function published(weights: Float64Array, x: Float64Array, inputs: number, block: number): All {
  const tokens = x.length / inputs;
  const w = Array.from({ length: weights.length / inputs }, (_, n) => [
    ...weights.subarray(n * inputs, (n + 1) * inputs),
  ]);
  const h = square(inputs, (i, j) => {
    let sum = 0;
    for (let t = 0; t < tokens; t++) sum += x[t * inputs + i]! * x[t * inputs + j]!;
    return (2 * sum) / tokens;
  });
  for (let k = 0; k < inputs; k++)
    if (h[k]![k] === 0) {
      h[k]![k] = 1;
      for (const row of w) row[k] = 0;
    }
  const damping = (0.01 * h.reduce((sum, row, k) => sum + row[k]!, 0)) / inputs;
  for (let k = 0; k < inputs; k++) h[k]![k]! += damping;
  const lower = cholesky(inverse(h));
  const even = (v: number): number => {
    const near = Math.round(v);
    return Math.abs(v % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
  };
  const clip = (v: number): number => Math.min(15, Math.max(0, v));
  const all: All = { q: [], scales: [], zeros: [] };
  for (const row of w) {
    let [scale, zero] = [1, 0];
    for (let i = 0; i < inputs; i++) {
      if (i % block === 0) {
        const own = row.slice(i, i + block);
        const [low, high] = [Math.min(0, ...own), Math.max(0, ...own)];
        const exact = (high - low) / 15 || 1;
        zero = clip(even(-low / exact));
        scale = Math.fround(exact);
        all.scales.push(scale);
        all.zeros.push(zero);
      }
      const q = clip(even(row[i]! / scale + zero));
      all.q.push(q);
      const error = (row[i]! - (q - zero) * scale) / lower[i]![i]!;
      for (let j = i; j < inputs; j++) row[j]! -= error * lower[j]![i]!;
    }
  }
  return all;
}

/** X'X with the inputs in reverse order. */
function reversedSums(x: Float64Array, inputs: number): SymmetricMatrix {
  const sums = new SymmetricMatrix(inputs);
  const values = new Float64Array(inputs * inputs);
  for (let t = 0; t < x.length; t += inputs)
    for (let i = 0; i < inputs; i++)
      for (let j = 0; j < inputs; j++)
        values[i * inputs + j]! += x[t + inputs - 1 - i]! * x[t + inputs - 1 - j]!;
  sums.addStripe(0, inputs, values);
  return sums;
}

async function rounded(
  weights: Float64Array,
  inputs: number,
  block: number,
  sums: SymmetricMatrix | null,
): Promise<All> {
  const all: All = { q: [], scales: [], zeros: [] };
  const put = (_: number, { q, scales, zeros }: RoundedRow): void => {
    all.q.push(...q);
    all.scales.push(...scales);
    all.zeros.push(...zeros);
  };
  const matrix = {
    outputs: weights.length / inputs,
    inputs,
    block,
    read: (row: number, target: Float64Array) =>
      target.set(weights.subarray(row * inputs, (row + 1) * inputs)),
    storedScale: Math.fround,
    put,
  };
  await roundRows(matrix, sums && (await factorInputs(sums, TOKENS, block, 'W', turn)), turn);
  return all;
}

describe('GPTQ', () => {
  // Whole blocks and a rest, more rows than a slab, more columns than a block of the factor.
  it.each([
    [48, 16, 5],
    [72, 32, 70],
    [100, 64, 2],
  ])('of %d inputs in blocks of %d is that of the paper', async (inputs, block, outputs) => {
    const x = numbers(inputs * TOKENS, 7).map((value, at) => value * (1 + (at % inputs) / 9));
    // Two inputs that are always zero, and two that are nearly the same.
    for (let t = 0; t < x.length; t += inputs) {
      x[t + 3] = 0;
      x[t + inputs - 1] = 0;
      x[t + 11] = x[t + 20]! + x[t + 11]! / 50;
    }
    const weights = numbers(outputs * inputs, 11);
    const found = await rounded(weights, inputs, block, reversedSums(x, inputs));
    expect(found).toEqual(published(weights, x, inputs, block));
    const plain = await rounded(weights, inputs, block, null);
    expect(error(found, weights, x, inputs, block)).toBeLessThan(
      error(plain, weights, x, inputs, block),
    );
  });

  it('of inputs that are no numbers is refused', async () => {
    const x = numbers(16 * TOKENS, 3);
    x[5] = Number.NaN;
    const work = rounded(numbers(32, 5), 16, 16, reversedSums(x, 16));
    await expect(work).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('what W multiplies'),
    });
  });
});

/** Sum of squares of X (W - rounded W)'. */
function error(
  { q, scales, zeros }: All,
  weights: Float64Array,
  x: Float64Array,
  inputs: number,
  block: number,
): number {
  const blocks = Math.ceil(inputs / block);
  let sum = 0;
  for (let t = 0; t < x.length; t += inputs)
    for (let n = 0; n < weights.length / inputs; n++) {
      let difference = 0;
      for (let k = 0; k < inputs; k++) {
        const at = n * blocks + Math.floor(k / block);
        const value = (q[n * inputs + k]! - zeros[at]!) * scales[at]!;
        difference += x[t + k]! * (weights[n * inputs + k]! - value);
      }
      sum += difference ** 2;
    }
  return sum;
}
