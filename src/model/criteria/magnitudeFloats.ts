// Sums of absolute values and of squares over floats that arrive in chunks.

import { DataType } from '../../onnx/graph.ts';
import { fromHalf } from '../../onnx/half.ts';

/** Sums in float64; a NaN among the values makes both NaN. */
export interface Sums {
  abs: number;
  square: number;
}

/** Takes the bytes of a tensor in order, in chunks of whole elements. */
export interface Summing {
  add(bytes: Uint8Array<ArrayBuffer>): void;
  readonly sums: Sums;
}

/** Values of the 32768 non-negative patterns of each 16-bit float type. */
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

/** Little-endian floats of any type as float32; float64 is rounded. */
export function toFloats(type: number, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const data = aligned(bytes);
  if (type === DataType.float)
    return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  if (type === DataType.double)
    return Float32Array.from(new Float64Array(data.buffer, data.byteOffset, data.byteLength / 8));
  const table = magnitudes(type);
  const words = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  const out = new Float32Array(words.length);
  for (let k = 0; k < out.length; k++) {
    const word = words[k]!;
    out[k] = table[word & 0x7fff]! * (1 - ((word >> 15) << 1));
  }
  return out;
}

/** Sums over floats of `type`: float32, float64 (rounded to float32), float16 or bfloat16. */
export function floatSums(type: number): Summing {
  const sums: Sums = { abs: 0, square: 0 };
  const halves = type === DataType.float16 || type === DataType.bfloat16 ? magnitudes(type) : null;
  return {
    sums,
    add(bytes) {
      const { buffer, byteOffset, byteLength } = aligned(bytes);
      if (halves) addHalves(sums, new Uint16Array(buffer, byteOffset, byteLength / 2), halves);
      else if (type === DataType.double)
        addFloats(sums, Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8)));
      else addFloats(sums, new Float32Array(buffer, byteOffset, byteLength / 4));
    },
  };
}

// The two loops below are separate, and unrolled into four accumulators that do not wait for each
// other, because they decide the speed of the criterion.

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

/** The same bytes, copied when their offset is not a multiple of 8, as typed arrays require. */
export function aligned(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}
