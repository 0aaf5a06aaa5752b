// float16 against its definition: every value survives, every tie goes to even.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHalf, HALF_MAX, narrowed, widened } from './half.ts';

const bytesOf = (values: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);
const halves = (
  values: readonly number[],
  beyond: (value: number) => number = refuse,
): number[] => [...new Uint16Array(narrowed(bytesOf(values), beyond).buffer)];
function refuse(value: number): never {
  throw new Error(`refused ${value}`);
}

/** The float16 below 65520 that is nearest, found by looking at all of them. */
const ALL = Array.from({ length: 0x7c00 }, (_, bits) => fromHalf(bits));
function nearest(value: number): number {
  const size = Math.abs(value);
  let [low, high] = [0, ALL.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ALL[middle]! <= size) low = middle;
    else high = middle;
  }
  const [below, above] = [size - ALL[low]!, ALL[high]! - size];
  const bits = above < below || (above === below && high % 2 === 0) ? high : low;
  return (value < 0 || Object.is(value, -0) ? 0x8000 : 0) | bits;
}

describe('float32 to float16', () => {
  it('gives every float16 back', () => {
    const bits = Array.from({ length: 65536 }, (_, k) => k).filter((k) => (k & 0x7c00) !== 0x7c00);
    const wide = widened(new Uint8Array(Uint16Array.from(bits).buffer));
    expect([...new Uint16Array(narrowed(wide, refuse).buffer)]).toEqual(bits);
  });

  it('rounds to the nearest, ties to even', () => {
    const close = fc.oneof(
      fc.float({ min: -HALF_MAX, max: HALF_MAX, noNaN: true }),
      fc.float({ min: -(2 ** -13), max: 2 ** -13, noNaN: true }),
      // Exact middles of two neighbours, and their float32 neighbours.
      fc.tuple(fc.integer({ min: 0, max: 0x7bfe }), fc.constantFrom(-1, 0, 1)).map(([k, step]) => {
        const bits = new Uint32Array(Float32Array.of((ALL[k]! + ALL[k + 1]!) / 2).buffer);
        bits[0] = Math.max(0, bits[0]! + step);
        return new Float32Array(bits.buffer)[0]!;
      }),
    );
    fc.assert(
      fc.property(fc.array(close, { minLength: 1, maxLength: 64 }), (values) => {
        expect(halves(values)).toEqual(values.map(nearest));
      }),
    );
  });

  it('flushes what is too small to a zero of its sign', () => {
    expect(halves([2 ** -25, -(2 ** -25), 1e-30, -1e-30])).toEqual([0, 0x8000, 0, 0x8000]);
    expect(halves([2 ** -25 * 1.0001])).toEqual([1]);
  });

  it('hands over what float16 cannot hold', () => {
    for (const value of [65505, -65519, 65536, -(2 ** 100), Infinity, -Infinity])
      expect(() => halves([1, value])).toThrow(`refused ${value}`);
    expect(() => halves([Number.NaN])).toThrow('refused NaN');
    expect(halves([HALF_MAX, -HALF_MAX])).toEqual([0x7bff, 0xfbff]);
    expect(halves([-3.4e38, -Infinity], (value) => (value < -1e39 ? value : -1e4))).toEqual([
      0xf0e2, 0xfc00,
    ]);
  });

  it('reads bytes that start anywhere', () => {
    const shifted = new Uint8Array(9);
    shifted.set(bytesOf([1, -2]), 1);
    expect([...new Uint16Array(narrowed(shifted.subarray(1), refuse).buffer)]).toEqual([
      0x3c00, 0xc000,
    ]);
  });
});
