// Blocks of integers against their definitions, written out plainly.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { derive } from '../bytes.ts';
import { DataType } from '../graph.ts';
import { nearestHalf } from '../half.ts';
import { all, bytesOf, expectSameBytes, floats } from '../testing/derived.ts';
import { type BlockwiseParameters, quantisedParts } from './form.ts';
import { numbersStored, storedNumbers } from './scales.ts';

const { float, float16, uint8, undefined: none } = DataType;
const { fround, abs, sign, max, min } = Math;

/** Rounded to the nearest: the integers, scale and zero point of one block. */
function plainRtn(w: readonly number[], bits: number, zeros: boolean, half: boolean) {
  const most = 2 ** bits - 1;
  const away = (x: number): number => sign(x) * Math.floor(abs(x) + 0.5);
  const clamp = (x: number): number => (Number.isNaN(x) ? 0 : min(most, max(0, x)));
  // Of equal ones (0 and -0) the first is the lowest.
  const sorted = w.toSorted((a, b) => a - b);
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  const [least, largest] = [min(0, low), max(0, high)];
  let zero = 2 ** (bits - 1);
  const range = fround(fround(largest - least) / most);
  let scale = range;
  if (zeros) zero = range === 0 ? 0 : clamp(away(fround(0 - fround(least / range))));
  else scale = fround(-(abs(high) > abs(low) ? high : low) / zero);
  if (half) scale = nearestHalf(scale);
  const inverse = scale === 0 ? 0 : fround(1 / scale);
  return { q: w.map((x) => clamp(away(fround(fround(x * inverse) + zero)))), scale, zero };
}

/** What the three tensors of one row hold. */
function plainRow(w: readonly number[], { block, bits, zeros, scales }: BlockwiseParameters) {
  const count = Math.ceil(w.length / block);
  const pack = (integers: readonly number[]): Uint8Array => {
    const bytes = new Uint8Array(Math.ceil((integers.length * bits) / 8));
    integers.forEach((q, k) => {
      bytes[(k * bits) >> 3]! |= q << ((k * bits) & 7);
    });
    return bytes;
  };
  const made = Array.from({ length: count }, (_, at) =>
    plainRtn(w.slice(at * block, (at + 1) * block), bits, zeros === uint8, scales === float16),
  );
  const points = made.map(({ zero }) => zero);
  if (bits === 4 && count % 2 === 1) points.push(8);
  return {
    weights: pack(made.flatMap(({ q }) => [...q, ...Array(block - q.length).fill(0)])),
    scales: numbersStored(
      Float32Array.from(made, ({ scale }) => scale),
      scales,
      'w',
    ),
    zeros: zeros === uint8 ? pack(points) : new Uint8Array(0),
  };
}

it('any values rounded to the nearest are those of the definition', async () => {
  const wide = fc.float({ min: fround(-1e30), max: fround(1e30), noNaN: true });
  const small = fc.integer({ min: -9, max: 9 }).map((x) => x / 4);
  const tiny = fc.float({ min: fround(-1e-38), max: fround(1e-38), noNaN: true });
  // An even number of columns: of an odd one the last nibble is that of ONNX Runtime (goldens).
  const rows = fc.integer({ min: 1, max: 5 });
  const columns = fc.integer({ min: 1, max: 40 }).map((k) => 2 * k);
  const cases = fc.record({
    ...{ rows, columns, block: fc.constantFrom(16, 32), bits: fc.constantFrom(4, 8) },
    ...{ zeros: fc.constantFrom(none, uint8), order: fc.constantFrom('in-out', 'out-in') },
    kind: fc.constantFrom(wide, small, tiny, fc.constantFrom(0, -0), fc.oneof(small, wide)),
    half: fc.boolean(),
    seed: fc.integer(),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ kind, half, seed, order, ...sizes }) => {
      const count = sizes.rows * sizes.columns;
      const factor = half ? 1e-30 : 1;
      const [found = []] = fc.sample(fc.array(kind, { minLength: count, maxLength: count }), {
        ...{ numRuns: 1, seed },
      });
      const w = Float32Array.from(found, (x) => (abs(x) > 100 ? x * factor : x));
      const form = { ...sizes, scales: half ? float16 : float };
      const stored = Float32Array.from({ length: count }, (_, k) => {
        const [row, column] = [Math.floor(k / sizes.rows), k % sizes.rows];
        return order === 'out-in' ? w[k]! : w[column * sizes.columns + row]!;
      });
      const made = await all(
        derive('floats-to-blockwise', [bytesOf(stored)], 'w', { ...form, order }),
      );
      const plain = Array.from({ length: sizes.rows }, (_, row) =>
        plainRow([...w.subarray(row * sizes.columns, (row + 1) * sizes.columns)], form),
      );
      const parts = (['weights', 'scales', 'zeros'] as const).flatMap((name) =>
        plain.map((row) => row[name]),
      );
      expectSameBytes(made, Buffer.concat(parts));
    }),
    { numRuns: 150 },
  );
});

/** Half-quadratic quantisation as its definition says it, one block after the other. */
function plainHqq(row: readonly number[][], steps: number): { zeros: number[]; errors: number[] } {
  const { fround, abs, sign, max, min } = Math;
  const even = (x: number): number => {
    const low = Math.floor(x);
    if (x - low !== 0.5) return Math.round(x);
    return low % 2 === 0 ? low : low + 1;
  };
  const errors = Array.from({ length: steps }, () => 0);
  const zeros = row.map((w) => {
    const [low, high] = [min(...w), max(...w)];
    const s = fround(min(2e4, 15 / (high === low ? 15 : fround(high - low))));
    let z = fround(-low * s);
    for (let step = 0; step < steps; step++) {
      const beta = 10 * 1.01 ** step;
      let sum = 0;
      for (const x of w) {
        const q = min(15, max(0, even(fround(fround(x * s) + z))));
        const d = fround(x - fround(fround(q - z) / s));
        errors[step]! += abs(d);
        const e = sign(d) * max(0, abs(d) - (abs(d) + 1e-8) ** -0.3 / beta);
        sum += q - fround(fround(x - e) * s);
      }
      z = fround(sum / w.length);
    }
    return z;
  });
  return { zeros, errors };
}

const [rows, columns, block] = [70, 90, 32];

// Errors above 0.17 are those that a step shrinks to less than themselves.
it.each([0.05, 40])(
  'half-quadratic quantisation is its definition, with values of size %d',
  async (size) => {
    const values = floats(rows * columns, 4);
    const small = values.map((x, k) => (k % 50 === 0 ? x * 3 : x) * size);
    const form = { rows, columns, block, bits: 4, scales: float, zeros: float, method: 'hqq' };
    const made = await all(derive('floats-to-blockwise', [bytesOf(small)], 'w', form));
    const perRow = Math.ceil(columns / block);
    const blocks = Array.from({ length: rows * perRow }, (_, k) => {
      const start = Math.floor(k / perRow) * columns + (k % perRow) * block;
      const end = Math.min(start + block, (Math.floor(k / perRow) + 1) * columns);
      return [...small.subarray(start, end), ...Array(block).fill(0)].slice(0, block);
    });
    const { errors } = plainHqq(blocks, 20);
    const worse = errors.findIndex((error, step) => !(error < (errors[step - 1] ?? 1e9)));
    const { zeros } = plainHqq(blocks, worse < 0 ? 20 : worse + 1);
    const part = quantisedParts(form).zeros;
    const found = storedNumbers(made.slice(part.offset), float);
    expect(Math.max(...zeros.map((zero, k) => Math.abs(zero - found[k]!)))).toBeLessThan(1e-4);
  },
);
