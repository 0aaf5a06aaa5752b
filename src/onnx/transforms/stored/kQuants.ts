// GGML blocks of 256 values with scales of scales: their floats, in the float32 arithmetic of
// gguf-py.
// Source: github.com/ggml-org/llama.cpp, gguf-py/gguf/quants.py, dequantize_blocks; ggml-common.h.

import { blocksOf, type DecodePart, halfAt } from './blockTypes.ts';
import type { StoredType } from './storedType.ts';

const { fround } = Math;

/** The scale of 6 bits of part `j` of 8; the 12 bytes from `at` on hold those and the minima. */
function scaleOf(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return bytes[at + j]! & 63;
  return (bytes[at + j + 4]! & 15) | ((bytes[at + j - 4]! >> 2) & 48);
}

function minimumOf(bytes: Uint8Array, at: number, j: number): number {
  if (j < 4) return bytes[at + j + 4]! & 63;
  return (bytes[at + j + 4]! >> 4) | ((bytes[at + j]! >> 2) & 48);
}

/** d, dmin, scales and minima, four bits: parts 2 j and 2 j + 1 in the halves of 32 bytes. */
const four: DecodePart = (bytes, at, part, out, to) => {
  const d = fround(halfAt(bytes, at) * scaleOf(bytes, at + 4, part));
  const least = fround(halfAt(bytes, at + 2) * minimumOf(bytes, at + 4, part));
  const low = at + 16 + (part >> 1) * 32;
  const shift = (part & 1) * 4;
  for (let k = 0; k < 32; k++) out[to + k] = fround(d * ((bytes[low + k]! >> shift) & 15)) - least;
};

/** The same with a fifth bit of each value before them: bit p of byte k for value k of part p. */
const five: DecodePart = (bytes, at, part, out, to) => {
  const d = fround(halfAt(bytes, at) * scaleOf(bytes, at + 4, part));
  const least = fround(halfAt(bytes, at + 2) * minimumOf(bytes, at + 4, part));
  const low = at + 48 + (part >> 1) * 32;
  const shift = (part & 1) * 4;
  for (let k = 0; k < 32; k++) {
    const high = ((bytes[at + 16 + k]! >> part) & 1) << 4;
    out[to + k] = fround(d * (((bytes[low + k]! >> shift) & 15) | high)) - least;
  }
};

/** 16 scales and minima of 4 bits each, two bits of each value, d, dmin. */
const two: DecodePart = (bytes, at, part, out, to) => {
  const [d, dmin] = [halfAt(bytes, at + 80), halfAt(bytes, at + 82)];
  const low = at + 16 + (part >> 2) * 32;
  const shift = (part & 3) * 2;
  for (let half = 0; half < 2; half++) {
    const both = bytes[at + part * 2 + half]!;
    const [scale, least] = [fround(d * (both & 15)), fround(dmin * (both >> 4))];
    for (let k = half * 16; k < half * 16 + 16; k++)
      out[to + k] = fround(scale * ((bytes[low + k]! >> shift) & 3)) - least;
  }
};

/** A third bit of each value (1: nothing is taken off), two low bits, 16 scales of 6 bits, d. */
const three: DecodePart = (bytes, at, part, out, to) => {
  const d = halfAt(bytes, at + 108);
  const low = at + 32 + (part >> 2) * 32;
  const shift = (part & 3) * 2;
  for (let half = 0; half < 2; half++) {
    const j = part * 2 + half;
    const low4 = (bytes[at + 96 + (j & 7)]! >> (j < 8 ? 0 : 4)) & 15;
    const more = (bytes[at + 104 + (j & 3)]! >> (2 * (j >> 2))) & 3;
    const scale = fround(d * ((low4 | (more << 4)) - 32));
    for (let k = half * 16; k < half * 16 + 16; k++) {
      const q = (bytes[low + k]! >> shift) & 3;
      out[to + k] = scale * (q - ((bytes[at + k]! >> part) & 1 ? 0 : 4));
    }
  }
};

/**
 * Low four bits (of 128 values in 64 bytes: parts 0 and 1 in the low halves, 2 and 3 in the high
 * ones), two high bits (of 128 in 32 bytes), 16 scales of 8 bits, d.
 */
const six: DecodePart = (bytes, at, part, out, to) => {
  const d = halfAt(bytes, at + 208);
  const p = part & 3;
  const low = at + (part >> 2) * 64 + (p & 1) * 32;
  const high = at + 128 + (part >> 2) * 32;
  for (let half = 0; half < 2; half++) {
    const scale = fround(d * ((bytes[at + 192 + part * 2 + half]! << 24) >> 24));
    for (let k = half * 16; k < half * 16 + 16; k++) {
      const low4 = (bytes[low + k]! >> (p < 2 ? 0 : 4)) & 15;
      out[to + k] = scale * ((low4 | (((bytes[high + k]! >> (2 * p)) & 3) << 4)) - 32);
    }
  }
};

/** Types of blocks of 256 values by their names in GGML. */
export const K_QUANTS = {
  Q2_K: blocksOf(256, 84, two),
  Q3_K: blocksOf(256, 110, three),
  Q4_K: blocksOf(256, 144, four),
  Q5_K: blocksOf(256, 176, five),
  Q6_K: blocksOf(256, 210, six),
} satisfies Record<string, StoredType>;
