// Sums over quantised numbers whose scale changes from value to value.

import type { Sums } from './magnitudeFloats.ts';

/**
 * Adds a stretch of one row: elements [from, to) of `bytes`, which begin at column `column` of the
 * row. The scales of the row begin at index `base`.
 */
export interface RowSums {
  add(bytes: Uint8Array<ArrayBuffer>, from: number, to: number, base: number, column: number): void;
}

/** Sums over rows in which every value has its own scale and zero point. */
export class Columns implements RowSums {
  private readonly sums: Sums;
  private readonly values: Float64Array;
  private readonly perByte: number;
  private readonly scales: Float32Array;
  private readonly zeros: Float32Array;

  constructor(
    sums: Sums,
    values: Float64Array,
    perByte: number,
    scales: Float32Array,
    zeros: Float32Array,
  ) {
    this.sums = sums;
    this.values = values;
    this.perByte = perByte;
    this.scales = scales;
    this.zeros = zeros;
  }

  add(bytes: Uint8Array, from: number, to: number, base: number, column: number): void {
    const { perByte } = this;
    const first = Math.min(to, Math.ceil(from / perByte) * perByte);
    const last = Math.max(first, Math.floor(to / perByte) * perByte);
    const index = base + column - from;
    for (let e = from; e < first; e++) this.addOne(bytes, e, index + e);
    if (perByte === 1) this.addBytes(bytes, first, last, index + first);
    else if (perByte === 2) this.addPairs(bytes, first / 2, last / 2, index + first);
    else for (let e = first; e < last; e++) this.addOne(bytes, e, index + e);
    for (let e = last; e < to; e++) this.addOne(bytes, e, index + e);
  }

  private addOne(bytes: Uint8Array, e: number, index: number): void {
    const { values, perByte, scales, zeros, sums } = this;
    const value =
      (values[bytes[Math.floor(e / perByte)]! * perByte + (e % perByte)]! - zeros[index]!) *
      scales[index]!;
    sums.abs += Math.abs(value);
    sums.square += value * value;
  }

  /** Adds bytes [from, to) of two values each. */
  private addPairs(bytes: Uint8Array, from: number, to: number, index: number): void {
    const { values, scales, zeros, sums } = this;
    const end = to | 0;
    let abs = 0;
    let square = 0;
    let k = index | 0;
    for (let b = from | 0; b < end; b++, k += 2) {
      const code = bytes[b]! << 1;
      const low = (values[code]! - zeros[k]!) * scales[k]!;
      const high = (values[code | 1]! - zeros[k + 1]!) * scales[k + 1]!;
      abs += Math.abs(low) + Math.abs(high);
      square += low * low + high * high;
    }
    sums.abs += abs;
    sums.square += square;
  }

  /** Adds bytes [from, to) of one value each. */
  private addBytes(bytes: Uint8Array, from: number, to: number, index: number): void {
    const { values, scales, zeros, sums } = this;
    const end = to | 0;
    let abs = 0;
    let square = 0;
    let k = index | 0;
    for (let b = from | 0; b < end; b++, k++) {
      const value = (values[bytes[b]!]! - zeros[k]!) * scales[k]!;
      abs += Math.abs(value);
      square += value * value;
    }
    sums.abs += abs;
    sums.square += square;
  }
}
