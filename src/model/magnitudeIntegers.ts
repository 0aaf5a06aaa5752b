// Sums of absolute values and of squares over quantised numbers as they come in pieces; must not know where they come from.

import type { Layout } from './linearQuantised.ts';
import type { Summing, Sums } from './magnitudeFloats.ts';

export interface QuantisedValues {
  bits: 2 | 4 | 8;
  signed: boolean;
  layout: Layout;
  /** One for each row of scales and run; a single one serves all. */
  scales: Float32Array;
  /** Zero points likewise. */
  zeros: Float32Array;
}

/** In tables, sums of |q - zero| times this are added to sums of squares. Both stay exact in float64 over MAX_BYTES bytes. */
const ABS = 2 ** 27;
/** MAX_BYTES x 255^2 < ABS, and MAX_BYTES x 255 x ABS < 2^53. */
const MAX_BYTES = 1024;

/** Integers as (q - zero) x scale: exact integer sums over each run of one scale, then one float64 product. */
export function quantisedSums(quantised: QuantisedValues): Summing {
  const { bits, layout, scales, zeros } = quantised;
  const { columns, stored, run, period, group, scaleRows } = layout;
  const perByte = 8 / bits;
  const perRow = Math.ceil(columns / run);
  const groups = Math.ceil(period / group);
  const byColumn = run === 1 && scales.length > 1;
  const runs = new Runs(quantised, byColumn);
  const columnZeros = byColumn && zeros.length === 1 ? new Float32Array(scales.length).fill(zeros[0]!) : zeros;
  /** Stored elements seen. */
  let seen = 0;
  return {
    sums: runs.sums,
    add(bytes) {
      const start = seen;
      const end = start + bytes.length * perByte;
      let at = start;
      while (at < end) {
        const row = Math.floor(at / stored);
        const first = row * stored;
        const to = Math.min(end, first + columns);
        const base = ((Math.floor(row / period) * groups + Math.floor((row % period) / group)) % scaleRows) * perRow;
        if (byColumn) sumColumns(runs.sums, bytes, at - start, to - start, runs.values, perByte, scales, columnZeros, base + at - first);
        else runs.add(bytes, at - start, to - start, base, at - first);
        at = Math.min(end, first + stored);
      }
      seen = end;
    },
  };
}

/** Neighbours that share a scale. */
class Runs {
  readonly sums: Sums = { abs: 0, square: 0 };
  /** The integers of each byte, (256, values per byte). */
  readonly values: Float64Array;
  private readonly perByte: number;
  private readonly run: number;
  private readonly scales: Float32Array;
  private readonly zeros: Float32Array;
  private readonly lowest: number;
  /** By zero point - lowest: for each byte, its sum of |q - zero| x ABS + (q - zero)^2. Null where a zero point is no integer. */
  private readonly tables: Float64Array[] | null;

  constructor({ bits, signed, layout, scales, zeros }: QuantisedValues, byColumn: boolean) {
    this.values = valueTable(bits, signed);
    this.perByte = 8 / bits;
    this.run = layout.run;
    this.scales = scales;
    this.zeros = zeros;
    this.lowest = signed ? -(2 ** (bits - 1)) : 0;
    this.tables = byColumn ? null : this.makeTables();
  }

  /** Elements [from, to) of the piece, all of one row: from its column `column` on; its scales begin at `base`. */
  add(bytes: Uint8Array, from: number, to: number, base: number, column: number): void {
    const { run, perByte } = this;
    let index = base + Math.floor(column / run);
    const whole = column % run === 0 && from % perByte === 0 && run % perByte === 0 && run / perByte <= MAX_BYTES && this.tables !== null;
    const count = whole ? Math.floor((to - from) / run) : 0;
    if (count > 0) this.addWhole(bytes, from / perByte, count, index);
    index += count;
    let at = from + count * run;
    let stop = count > 0 ? at + run : from - (column % run) + run;
    for (; at < to; index++, stop += run) {
      this.addRun(bytes, at, Math.min(stop, to), index);
      at = Math.min(stop, to);
    }
  }

  /** `count` runs that begin and end with a byte. */
  private addWhole(bytes: Uint8Array, from: number, count: number, index: number): void {
    const { scales, zeros, lowest } = this;
    const tables = this.tables!;
    const runBytes = (this.run / this.perByte) | 0;
    const scaleStep = scales.length === 1 ? 0 : 1;
    const zeroStep = zeros.length === 1 ? 0 : 1;
    // | 0: as integers of 32 bits, indices cost nothing.
    let scaleAt = (scaleStep * index) | 0;
    let zeroAt = (zeroStep * index) | 0;
    let abs = 0;
    let square = 0;
    for (let r = 0, b = from | 0; r < count; r++, b += runBytes) {
      const scale = scales[scaleAt]!;
      const sum = sumBytes(bytes, b, b + runBytes, tables[zeros[zeroAt]! - lowest]!);
      const high = Math.floor(sum / ABS);
      abs += Math.abs(scale) * high;
      square += scale * scale * (sum - high * ABS);
      scaleAt += scaleStep;
      zeroAt += zeroStep;
    }
    this.sums.abs += abs;
    this.sums.square += square;
  }

  /** Elements [from, to) of one run that is long, or does not begin and end with a byte, or has a zero point that is no integer. */
  private addRun(bytes: Uint8Array, from: number, to: number, index: number): void {
    const { perByte, values, tables } = this;
    const scale = this.scales[this.scales.length === 1 ? 0 : index]!;
    const zero = this.zeros[this.zeros.length === 1 ? 0 : index]!;
    const last = Math.floor(to / perByte);
    let abs = 0;
    let square = 0;
    let at = from;
    while (at < to) {
      if (tables && at % perByte === 0 && at < last * perByte) {
        const stop = Math.min(last, at / perByte + MAX_BYTES);
        const sum = sumBytes(bytes, at / perByte, stop, tables[zero - this.lowest]!);
        const high = Math.floor(sum / ABS);
        abs += high;
        square += sum - high * ABS;
        at = stop * perByte;
      } else {
        const difference = values[bytes[Math.floor(at / perByte)]! * perByte + (at % perByte)]! - zero;
        abs += Math.abs(difference);
        square += difference * difference;
        at++;
      }
    }
    this.sums.abs += Math.abs(scale) * abs;
    this.sums.square += scale * scale * square;
  }

  private makeTables(): Float64Array[] | null {
    const tables: Float64Array[] = [];
    for (const zero of this.zeros) {
      if (!Number.isInteger(zero)) return null;
      if (tables[zero - this.lowest]) continue;
      const table = new Float64Array(256);
      this.values.forEach((value, k) => {
        table[Math.floor(k / this.perByte)]! += Math.abs(value - zero) * ABS + (value - zero) ** 2;
      });
      tables[zero - this.lowest] = table;
    }
    return tables;
  }
}

/** Table entries of bytes [from, to); four sums, so that additions need not wait for each other. */
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

/** Elements [from, to), each with a scale and a zero point of its own, from `index` on. */
function sumColumns(
  sums: Sums,
  bytes: Uint8Array,
  from: number,
  to: number,
  values: Float64Array,
  perByte: number,
  scales: Float32Array,
  zeros: Float32Array,
  index: number,
): void {
  const shift = perByte >> 1;
  const within = perByte - 1;
  const end = to | 0;
  let abs = 0;
  let square = 0;
  let k = index | 0;
  for (let e = from | 0; e < end; e++, k++) {
    const value = (values[(bytes[e >> shift]! << shift) | (e & within)]! - zeros[k]!) * scales[k]!;
    abs += Math.abs(value);
    square += value * value;
  }
  sums.abs += abs;
  sums.square += square;
}

/** The integers in each byte, lowest bits first: (256, values per byte). */
function valueTable(bits: number, signed: boolean): Float64Array {
  const perByte = 8 / bits;
  const codes = 2 ** bits;
  return Float64Array.from({ length: 256 * perByte }, (_, k) => {
    const code = (Math.floor(k / perByte) >> ((k % perByte) * bits)) & (codes - 1);
    return signed && code >= codes / 2 ? code - codes : code;
  });
}

/**
 * Packed integers, one number each.
 * @param row how many there are in a row, when each row begins with a byte; null when they lie one behind the other
 * @param count how many there are in all
 */
export function unpackIntegers(bytes: Uint8Array, bits: number, signed: boolean, row: number | null, count: number): Float32Array {
  const perByte = 8 / bits;
  const values = valueTable(bits, signed);
  const perRow = row ?? count;
  const rowBytes = Math.ceil(perRow / perByte);
  const out = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    const column = k % perRow;
    const byte = bytes[Math.floor(k / perRow) * rowBytes + Math.floor(column / perByte)] ?? 0;
    out[k] = values[byte * perByte + (column % perByte)]!;
  }
  return out;
}
