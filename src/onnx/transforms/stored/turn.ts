// Rows of values as columns of float32, some rows at a time: four of them together, so that what is
// written lies beside each other.

import { halfValues, wordsOf } from '../../half.ts';
import type { StoredType } from './storedType.ts';

/** Rows of the source that are turned at a time. */
const TILE = 32;

/** A stretch of some rows, and where it goes. */
interface Stretch {
  /** Number of the first value, and from row to row. */
  from: number;
  pitch: number;
  /** Rows, and values of each. */
  height: number;
  count: number;
  /** Bits of float32; value k of row r goes to `to` + k x `step` + r. */
  out: Uint32Array;
  to: number;
  step: number;
}

/**
 * The values first.. of all rows, `count` of each, as float32 (count, rows).
 * @param bytes of the rows, one after the other; all of one length, whole values or blocks
 */
export function turn(
  bytes: Uint8Array,
  type: StoredType,
  rows: number,
  first: number,
  count: number,
  values: Float32Array,
): void {
  const rowBytes = bytes.length / rows;
  const out = new Uint32Array(values.buffer);
  const { plain } = type;
  const pitch = plain ? rowBytes / type.bytes : count;
  const tile = new Float32Array(plain ? 0 : TILE * count);
  const decoded = new Uint32Array(tile.buffer);
  const words = plain === 'float32' ? wordsOf(bytes) : decoded;
  const halves = plain && plain !== 'float32' ? halvesOf(bytes) : new Uint16Array(0);
  for (let row = 0; row < rows; row += TILE) {
    const height = Math.min(TILE, rows - row);
    const from = plain ? row * pitch + first : 0;
    const stretch = { from, pitch, height, count, out, to: row, step: rows };
    if (plain === 'bfloat16') turnBfloats(halves, stretch);
    else if (plain === 'float16') turnHalves(halves, stretch);
    else {
      if (!plain)
        for (let r = 0; r < height; r++)
          type.decode(bytes, (row + r) * rowBytes, first, count, tile, r * count);
      turnWords(words, stretch);
    }
  }
}

function halvesOf(bytes: Uint8Array): Uint16Array {
  const whole = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(whole.buffer, whole.byteOffset, whole.byteLength / 2);
}

function turnWords(source: Uint32Array, stretch: Stretch): void {
  const { from, pitch, height, count, out, to, step } = stretch;
  let row = 0;
  for (; row + 4 <= height; row += 4) {
    let a = from + row * pitch;
    let at = to + row;
    for (let k = 0; k < count; k++, a++, at += step) {
      out[at] = source[a]!;
      out[at + 1] = source[a + pitch]!;
      out[at + 2] = source[a + 2 * pitch]!;
      out[at + 3] = source[a + 3 * pitch]!;
    }
  }
  for (; row < height; row++)
    for (let k = 0; k < count; k++) out[to + row + k * step] = source[from + row * pitch + k]!;
}

function turnBfloats(source: Uint16Array, stretch: Stretch): void {
  const { from, pitch, height, count, out, to, step } = stretch;
  let row = 0;
  for (; row + 4 <= height; row += 4) {
    let a = from + row * pitch;
    let at = to + row;
    for (let k = 0; k < count; k++, a++, at += step) {
      out[at] = source[a]! << 16;
      out[at + 1] = source[a + pitch]! << 16;
      out[at + 2] = source[a + 2 * pitch]! << 16;
      out[at + 3] = source[a + 3 * pitch]! << 16;
    }
  }
  for (; row < height; row++)
    for (let k = 0; k < count; k++)
      out[to + row + k * step] = source[from + row * pitch + k]! << 16;
}

function turnHalves(source: Uint16Array, stretch: Stretch): void {
  const { from, pitch, height, count, out, to, step } = stretch;
  const table = new Uint32Array(halfValues().buffer);
  let row = 0;
  for (; row + 4 <= height; row += 4) {
    let a = from + row * pitch;
    let at = to + row;
    for (let k = 0; k < count; k++, a++, at += step) {
      out[at] = table[source[a]!]!;
      out[at + 1] = table[source[a + pitch]!]!;
      out[at + 2] = table[source[a + 2 * pitch]!]!;
      out[at + 3] = table[source[a + 3 * pitch]!]!;
    }
  }
  for (; row < height; row++)
    for (let k = 0; k < count; k++)
      out[to + row + k * step] = table[source[from + row * pitch + k]!]!;
}
