// Sums of absolute values and of squares over stored numbers as they come in pieces; must not know where they come from.

import { DataType } from '../onnx/graph.ts';
import { fromHalf } from '../onnx/half.ts';
import type { Layout } from './linearQuantised.ts';

/** float64 sums. A value that is no number makes both NaN. */
export interface Sums {
  abs: number;
  square: number;
}

/** Takes the bytes of one tensor in order, in pieces that begin and end with a whole element. */
export interface Summing {
  add(bytes: Uint8Array<ArrayBuffer>): void;
  readonly sums: Sums;
}

/** Magnitudes of the 32768 positive patterns of a 16-bit float. */
const tables = new Map<number, Float32Array>();

function magnitudes(type: number): Float32Array {
  const known = tables.get(type);
  if (known) return known;
  const table = new Float32Array(32768);
  const words = new Uint32Array(table.buffer);
  for (let k = 0; k < table.length; k++) {
    if (type === DataType.float16) table[k] = fromHalf(k);
    else words[k] = k << 16;
  }
  tables.set(type, table);
  return table;
}

/** Little-endian floats of any width as float32 (float64 is rounded). */
export function toFloats(type: number, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const data = aligned(bytes);
  if (type === DataType.float) return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  if (type === DataType.double) return Float32Array.from(new Float64Array(data.buffer, data.byteOffset, data.byteLength / 8));
  const table = magnitudes(type);
  return Float32Array.from(new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2), (word) =>
    word & 0x8000 ? -table[word & 0x7fff]! : table[word]!,
  );
}

/** Floats of `type`: float32, float64, float16 or bfloat16. Four sums each, so that additions need not wait for each other. */
export function floatSums(type: number): Summing {
  const sums: Sums = { abs: 0, square: 0 };
  const halves = type === DataType.float16 || type === DataType.bfloat16 ? magnitudes(type) : null;
  return {
    sums,
    add(bytes) {
      const { buffer, byteOffset, byteLength } = aligned(bytes);
      if (halves) addHalves(sums, new Uint16Array(buffer, byteOffset, byteLength / 2), halves);
      else if (type === DataType.double) addFloats(sums, Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8)));
      else addFloats(sums, new Float32Array(buffer, byteOffset, byteLength / 4));
    },
  };
}

function addFloats(sums: Sums, values: Float32Array): void {
  const n = values.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let e = 0;
  let f = 0;
  let g = 0;
  let h = 0;
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const p = values[i]!;
    const q = values[i + 1]!;
    const r = values[i + 2]!;
    const s = values[i + 3]!;
    a += Math.abs(p);
    b += Math.abs(q);
    c += Math.abs(r);
    d += Math.abs(s);
    e += p * p;
    f += q * q;
    g += r * r;
    h += s * s;
  }
  for (; i < n; i++) {
    const p = values[i]!;
    a += Math.abs(p);
    e += p * p;
  }
  sums.abs += a + b + (c + d);
  sums.square += e + f + (g + h);
}

function addHalves(sums: Sums, words: Uint16Array, table: Float32Array): void {
  const n = words.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let e = 0;
  let f = 0;
  let g = 0;
  let h = 0;
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const p = table[words[i]! & 0x7fff]!;
    const q = table[words[i + 1]! & 0x7fff]!;
    const r = table[words[i + 2]! & 0x7fff]!;
    const s = table[words[i + 3]! & 0x7fff]!;
    a += p;
    b += q;
    c += r;
    d += s;
    e += p * p;
    f += q * q;
    g += r * r;
    h += s * s;
  }
  for (; i < n; i++) {
    const p = table[words[i]! & 0x7fff]!;
    a += p;
    e += p * p;
  }
  sums.abs += a + b + (c + d);
  sums.square += e + f + (g + h);
}

function aligned(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}

export interface QuantisedValues {
  bits: 2 | 4 | 8;
  signed: boolean;
  layout: Layout;
  /** One for each scale row and run; a single one serves all. */
  scales: Float32Array;
  /** Zero points likewise. */
  zeros: ArrayLike<number>;
}

/** |q - z| of all values of a byte in the high 16 bits, their squares in the low ones. */
type ByteTable = Int32Array;
/** Bytes whose squares together stay below 2^16 in a ByteTable's sums: 128 x 2 x 15^2, 128 x 4 x 3^2. */
const TABLE_BYTES = 128;
/** Bytes whose squares together stay below 2^31: 8192 x 255^2. */
const DIRECT_BYTES = 8192;

/** Integers as (q - z) x scale: integer sums over each run of one scale, then one float64 product. */
export function quantisedSums({ bits, signed, layout, scales, zeros }: QuantisedValues): Summing {
  const { columns, stored, run, period, group, scaleRows } = layout;
  const perByte = 8 / bits;
  const perRow = Math.ceil(columns / run);
  const oneScale = scales.length === 1;
  const oneZero = zeros.length === 1;
  const groups = Math.ceil(period / group);
  const tablesOfZero = new Map<number, ByteTable>();
  const sums: Sums = { abs: 0, square: 0 };
  /** Stored elements seen. */
  let seen = 0;
  let runAbs = 0;
  let runSquare = 0;
  return { sums, add };

  function add(bytes: Uint8Array<ArrayBuffer>): void {
    const start = seen;
    const end = start + bytes.length * perByte;
    for (let at = start; at < end; ) {
      const row = Math.floor(at / stored);
      const first = row * stored;
      const to = Math.min(end, first + columns);
      const base = ((Math.floor(row / period) * groups + Math.floor((row % period) / group)) % scaleRows) * perRow;
      if (run === 1) addColumns(bytes, at - start, to - start, base + (at - first));
      else
        for (let from = at; from < to; ) {
          const k = Math.floor((from - first) / run);
          const until = Math.min(to, first + (k + 1) * run);
          addRun(bytes, from - start, until - start, base + k);
          from = until;
        }
      at = first + stored;
    }
    seen = end;
  }

  /** Elements [from, to) of the piece, all with one scale. */
  function addRun(bytes: Uint8Array, from: number, to: number, index: number): void {
    const scale = scales[oneScale ? 0 : index]!;
    const zero = zeros[oneZero ? 0 : index]!;
    let abs = 0;
    let square = 0;
    if (!Number.isInteger(zero)) {
      for (let e = from; e < to; e++) {
        const difference = element(bytes, e) - zero;
        abs += Math.abs(difference);
        square += difference * difference;
      }
    } else if (bits === 8) {
      for (let e = from; e < to; e += DIRECT_BYTES) {
        sumBytes(bytes, e, Math.min(to, e + DIRECT_BYTES), zero);
        abs += runAbs;
        square += runSquare;
      }
    } else {
      const whole = Math.ceil(from / perByte);
      const last = Math.max(whole, Math.floor(to / perByte));
      for (let e = from; e < Math.min(to, whole * perByte); e++) one(e);
      for (let e = Math.max(from, last * perByte); e < to; e++) one(e);
      const table = tableOf(zero);
      for (let b = whole; b < last; ) {
        const stop = Math.min(last, b + TABLE_BYTES);
        let sum = 0;
        for (; b < stop; b++) sum = (sum + table[bytes[b]!]!) | 0;
        abs += sum >>> 16;
        square += sum & 0xffff;
      }
    }
    sums.abs += Math.abs(scale) * abs;
    sums.square += scale * scale * square;

    function one(e: number): void {
      const difference = element(bytes, e) - zero;
      abs += Math.abs(difference);
      square += difference * difference;
    }
  }

  /** 8-bit values [from, to), at most DIRECT_BYTES of them, into runAbs and runSquare. */
  function sumBytes(bytes: Uint8Array, from: number, to: number, zero: number): void {
    const flip = signed ? 128 : 0;
    const shifted = zero + flip;
    let abs = 0;
    let square = 0;
    for (let e = from; e < to; e++) {
      const difference = (bytes[e]! ^ flip) - shifted;
      abs = (abs + (difference < 0 ? -difference : difference)) | 0;
      square = (square + Math.imul(difference, difference)) | 0;
    }
    runAbs = abs;
    runSquare = square;
  }

  /** Elements [from, to) of the piece, each with the scale after the last one's. */
  function addColumns(bytes: Uint8Array, from: number, to: number, index: number): void {
    let abs = 0;
    let square = 0;
    for (let e = from, k = index; e < to; e++, k++) {
      const value = (element(bytes, e) - zeros[oneZero ? 0 : k]!) * scales[oneScale ? 0 : k]!;
      abs += Math.abs(value);
      square += value * value;
    }
    sums.abs += abs;
    sums.square += square;
  }

  function element(bytes: Uint8Array, e: number): number {
    if (bits === 8) return signed ? (bytes[e]! ^ 128) - 128 : bytes[e]!;
    const code = bytes[Math.floor(e / perByte)]! >> ((e % perByte) * bits);
    return integerOf(code & (2 ** bits - 1), bits, signed);
  }

  function tableOf(zero: number): ByteTable {
    const known = tablesOfZero.get(zero);
    if (known) return known;
    const table = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      for (let k = 0; k < perByte; k++) {
        const difference = integerOf((byte >> (k * bits)) & (2 ** bits - 1), bits, signed) - zero;
        table[byte]! += (Math.abs(difference) << 16) + difference * difference;
      }
    }
    tablesOfZero.set(zero, table);
    return table;
  }
}

/** A code of `bits` bits as the integer it stands for. */
function integerOf(code: number, bits: number, signed: boolean): number {
  return signed && code >= 2 ** (bits - 1) ? code - 2 ** bits : code;
}

/**
 * Packed zero points, one number each.
 * @param row zero points per row when each row begins with a byte; null when they lie one behind the other
 * @param count how many there are
 */
export function unpackIntegers(bytes: Uint8Array, bits: number, signed: boolean, row: number | null, count: number): Int16Array {
  const perByte = 8 / bits;
  const perRow = row ?? count;
  const rowBytes = Math.ceil(perRow / perByte);
  const out = new Int16Array(count);
  for (let k = 0; k < count; k++) {
    const column = k % perRow;
    const byte = bytes[Math.floor(k / perRow) * rowBytes + Math.floor(column / perByte)] ?? 0;
    out[k] = integerOf((byte >> ((column % perByte) * bits)) & (2 ** bits - 1), bits, signed);
  }
  return out;
}
