// Sums of absolute values and of squares over quantised numbers that arrive in chunks.

import type { Layout } from './linearQuantised.ts';
import { Columns, type RowSums } from './magnitudeColumns.ts';
import { aligned, type Summing, type Sums } from './magnitudeFloats.ts';
import {
  ABS,
  allByteTables,
  MAX_BYTES,
  MAX_NARROW_BYTES,
  narrowTable,
  valueTable,
} from './magnitudeTables.ts';

export interface QuantisedValues {
  bits: 2 | 4 | 8;
  signed: boolean;
  layout: Layout;
  /** One for each run of each row of scales, or a single one for all. */
  scales: Float32Array;
  /** Zero points, in the same order. */
  zeros: Float32Array;
  /** True when zero points were stored as integers of `bits` bits. */
  zerosPacked: boolean;
}

/**
 * Sums over the values (q - zero) x scale: exact integer sums over each run of one scale, and one
 * float64 product per run.
 */
export function quantisedSums(quantised: QuantisedValues): Summing {
  const { bits, signed, layout, scales, zeros } = quantised;
  const { columns, stored, run, period, group, scaleRows, total } = layout;
  const perByte = 8 / bits;
  const perRow = Math.ceil(columns / run);
  const groups = Math.ceil(period / group);
  const sums: Sums = { abs: 0, square: 0 };
  const byColumn = run === 1 && scales.length > 1;
  const columnZeros =
    byColumn && zeros.length === 1 ? new Float32Array(scales.length).fill(zeros[0]!) : zeros;
  const part = byColumn
    ? new Columns(sums, valueTable(bits, signed), perByte, scales, columnZeros)
    : new Runs(sums, quantised, tablesOf(quantised));
  /** Stored elements seen. */
  let seen = 0;
  return {
    sums,
    add(chunk) {
      const bytes = aligned(chunk);
      const start = seen;
      const end = Math.min(total, start + bytes.length * perByte);
      let at = start;
      while (at < end) {
        const row = Math.floor(at / stored);
        const first = row * stored;
        const to = Math.min(end, first + columns);
        const base =
          ((Math.floor(row / period) * groups + Math.floor((row % period) / group)) % scaleRows) *
          perRow;
        if (at < to) part.add(bytes, at - start, to - start, base, at - first);
        at = Math.min(end, first + stored);
      }
      seen = end;
    },
  };
}

interface Tables {
  /** Byte tables, indexed by zero point - lowest. */
  bytes: Float64Array[];
  lowest: number;
  /** The narrow table, for at most 4 bits and a single zero point. */
  narrow: Int32Array | null;
}

/** Null when some zero point is not an integer of `bits` bits. */
function tablesOf({ bits, signed, zeros, zerosPacked }: QuantisedValues): Tables | null {
  const lowest = signed ? -(2 ** (bits - 1)) : 0;
  const fits = (zero: number): boolean =>
    Number.isInteger(zero) && zero >= lowest && zero < lowest + 2 ** bits;
  if (!zerosPacked && !zeros.every(fits)) return null;
  return {
    bytes: allByteTables(bits, signed),
    lowest,
    narrow: bits <= 4 && zeros.length === 1 ? narrowTable(bits, signed, zeros[0]!) : null,
  };
}

/** Sums over rows in which runs of neighbouring values share a scale. */
class Runs implements RowSums {
  private readonly sums: Sums;
  private readonly quantised: QuantisedValues;
  private readonly tables: Tables | null;
  private readonly perByte: number;
  private readonly values: Float64Array;

  constructor(sums: Sums, quantised: QuantisedValues, tables: Tables | null) {
    this.sums = sums;
    this.quantised = quantised;
    this.tables = tables;
    this.perByte = 8 / quantised.bits;
    this.values = valueTable(quantised.bits, quantised.signed);
  }

  add(
    bytes: Uint8Array<ArrayBuffer>,
    from: number,
    to: number,
    base: number,
    column: number,
  ): void {
    const { run } = this.quantised.layout;
    let index = base + Math.floor(column / run);
    let at = from;
    if (column % run === 0 && this.byBytes(from)) {
      const count = Math.floor((to - from) / run);
      this.addWhole(bytes, from / this.perByte, count, index);
      index += count;
      at += count * run;
    }
    for (
      let end = from - column + (Math.floor((column + at - from) / run) + 1) * run;
      at < to;
      index++, end += run
    ) {
      const stop = Math.min(end, to);
      this.addRun(bytes, at, stop, index);
      at = stop;
    }
  }

  /** True when runs from `from` on are whole bytes and the sum of one stays exact. */
  private byBytes(from: number): boolean {
    const { run } = this.quantised.layout;
    return (
      this.tables !== null &&
      from % this.perByte === 0 &&
      run % this.perByte === 0 &&
      run / this.perByte <= MAX_BYTES
    );
  }

  /** Adds `count` runs of whole bytes. */
  private addWhole(
    bytes: Uint8Array<ArrayBuffer>,
    from: number,
    count: number,
    index: number,
  ): void {
    const { scales, zeros, layout } = this.quantised;
    const runBytes = layout.run / this.perByte;
    const { narrow, lowest, bytes: tables } = this.tables!;
    if (narrow && runBytes % 4 === 0 && runBytes <= MAX_NARROW_BYTES && from % 4 === 0) {
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
      sumWords(this.sums, words, from / 4, runBytes / 4, count, narrow, scales, index);
      return;
    }
    const scaleStep = scales.length === 1 ? 0 : 1;
    const zeroStep = zeros.length === 1 ? 0 : 1;
    // | 0 keeps indices 32-bit integers, which compile to cheaper code.
    const step = runBytes | 0;
    let at = from | 0;
    let scaleAt = (scaleStep * index) | 0;
    let zeroAt = (zeroStep * index) | 0;
    let abs = 0;
    let square = 0;
    for (let r = 0; r < count; r++) {
      const scale = scales[scaleAt]!;
      const sum = sumBytes(bytes, at, at + step, tables[(zeros[zeroAt]! - lowest) | 0]!);
      const high = Math.floor(sum / ABS);
      abs += Math.abs(scale) * high;
      square += scale * scale * (sum - high * ABS);
      at += step;
      scaleAt += scaleStep;
      zeroAt += zeroStep;
    }
    this.sums.abs += abs;
    this.sums.square += square;
  }

  /**
   * Adds elements [from, to) of a run that is long, incomplete, not in whole bytes, or whose zero
   * point is not an integer.
   */
  private addRun(bytes: Uint8Array, from: number, to: number, index: number): void {
    const { perByte, values, tables } = this;
    const { scales, zeros } = this.quantised;
    const scale = scales[scales.length === 1 ? 0 : index]!;
    const zero = zeros[zeros.length === 1 ? 0 : index]!;
    const last = Math.floor(to / perByte);
    let abs = 0;
    let square = 0;
    let at = from;
    while (at < to) {
      if (tables && at % perByte === 0 && at < last * perByte) {
        const stop = Math.min(last, at / perByte + MAX_BYTES);
        const sum = sumBytes(bytes, at / perByte, stop, tables.bytes[zero - tables.lowest]!);
        const high = Math.floor(sum / ABS);
        abs += high;
        square += sum - high * ABS;
        at = stop * perByte;
      } else {
        const difference =
          values[bytes[Math.floor(at / perByte)]! * perByte + (at % perByte)]! - zero;
        abs += Math.abs(difference);
        square += difference * difference;
        at++;
      }
    }
    this.sums.abs += Math.abs(scale) * abs;
    this.sums.square += scale * scale * square;
  }
}

/**
 * Sum of the table entries of bytes [from, to), in four accumulators that do not wait for each
 * other.
 */
function sumBytes(bytes: Uint8Array, from: number, to: number, table: Float64Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = from;
  for (; i + 4 <= to; i += 4) {
    a += table[bytes[i]!]!;
    b += table[bytes[i + 1]!]!;
    c += table[bytes[i + 2]!]!;
    d += table[bytes[i + 3]!]!;
  }
  for (; i < to; i++) a += table[bytes[i]!]!;
  return a + b + (c + d);
}

/** Adds `count` runs of `step` words each from `from` on; the scale of the first is at `index`. */
function sumWords(
  sums: Sums,
  words: Uint32Array,
  from: number,
  step: number,
  count: number,
  table: Int32Array,
  scales: Float32Array,
  index: number,
): void {
  const scaleStep = scales.length === 1 ? 0 : 1;
  let scaleAt = (index * scaleStep) | 0;
  let at = from | 0;
  let abs = 0;
  let square = 0;
  for (let r = 0; r < count; r++) {
    const stop = (at + step) | 0;
    let sum = 0;
    // Four words at a time, whose sums do not wait for each other.
    for (const fours = (stop - 3) | 0; at < fours; at = (at + 4) | 0) {
      const p = words[at]!;
      const q = words[at + 1]!;
      const s = words[at + 2]!;
      const t = words[at + 3]!;
      const a =
        (((table[p & 255]! + table[(p >>> 8) & 255]!) | 0) +
          ((table[(p >>> 16) & 255]! + table[p >>> 24]!) | 0)) |
        0;
      const b =
        (((table[q & 255]! + table[(q >>> 8) & 255]!) | 0) +
          ((table[(q >>> 16) & 255]! + table[q >>> 24]!) | 0)) |
        0;
      const c =
        (((table[s & 255]! + table[(s >>> 8) & 255]!) | 0) +
          ((table[(s >>> 16) & 255]! + table[s >>> 24]!) | 0)) |
        0;
      const d =
        (((table[t & 255]! + table[(t >>> 8) & 255]!) | 0) +
          ((table[(t >>> 16) & 255]! + table[t >>> 24]!) | 0)) |
        0;
      sum = (sum + (((a + b) | 0) + ((c + d) | 0))) | 0;
    }
    for (; at < stop; at++) {
      const p = words[at]!;
      sum =
        (sum +
          table[p & 255]! +
          table[(p >>> 8) & 255]! +
          table[(p >>> 16) & 255]! +
          table[p >>> 24]!) |
        0;
    }
    const scale = scales[scaleAt]!;
    abs += Math.abs(scale) * (sum >>> 16);
    square += scale * scale * (sum & 0xffff);
    scaleAt += scaleStep;
  }
  sums.abs += abs;
  sums.square += square;
}
