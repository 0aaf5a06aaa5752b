// GGML blocks of 32 values: their floats, in the float32 arithmetic of gguf-py.
// Source: github.com/ggml-org/llama.cpp, gguf-py/gguf/quants.py, dequantize_blocks; ggml-common.h.

import { halfValues } from '../../half.ts';
import type { StoredType } from './storedType.ts';

/** 32 values of the block that begins at `at`, of larger blocks its part `part` of 32. */
export type DecodePart = (
  bytes: Uint8Array,
  at: number,
  part: number,
  out: Float32Array,
  to: number,
) => void;

/** A type of blocks of a multiple of 32 values. */
export function blocksOf(values: number, bytes: number, decodePart: DecodePart): StoredType {
  const parts = values / 32;
  return {
    values,
    bytes,
    unit: 32,
    decode(source, row, first, count, out, to) {
      for (let k = 0; k < count; k += 32) {
        const part = (first + k) / 32;
        const block = Math.floor(part / parts);
        decodePart(source, row + block * bytes, part - block * parts, out, to + k);
      }
    },
  };
}

/** The float16 at a byte. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halfValues()[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/**
 * The low four bits of 32 values times the scale: of the first 16 values in the low half of 16
 * bytes, of the others in the high half.
 */
const q40: DecodePart = (bytes, at, _, out, to) => {
  const scale = halfAt(bytes, at);
  for (let k = 0; k < 16; k++) {
    const both = bytes[at + 2 + k]!;
    out[to + k] = scale * ((both & 15) - 8);
    out[to + k + 16] = scale * ((both >> 4) - 8);
  }
};

/** The same, with a minimum. */
const q41: DecodePart = (bytes, at, _, out, to) => {
  const { fround } = Math;
  const [scale, least] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let k = 0; k < 16; k++) {
    const both = bytes[at + 4 + k]!;
    out[to + k] = fround(scale * (both & 15)) + least;
    out[to + k + 16] = fround(scale * (both >> 4)) + least;
  }
};

/** 32 bits before the bytes of low bits: the fifth ones. */
function fifthBits(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!];
  return a | (b << 8) | (c << 16) | (d << 24);
}

const q50: DecodePart = (bytes, at, _, out, to) => {
  const scale = halfAt(bytes, at);
  const high = fifthBits(bytes, at + 2);
  for (let k = 0; k < 16; k++) {
    const both = bytes[at + 6 + k]!;
    out[to + k] = scale * (((both & 15) | (((high >>> k) & 1) << 4)) - 16);
    out[to + k + 16] = scale * (((both >> 4) | (((high >>> (k + 16)) & 1) << 4)) - 16);
  }
};

const q51: DecodePart = (bytes, at, _, out, to) => {
  const { fround } = Math;
  const [scale, least] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  const high = fifthBits(bytes, at + 4);
  for (let k = 0; k < 16; k++) {
    const both = bytes[at + 8 + k]!;
    out[to + k] = fround(scale * ((both & 15) | (((high >>> k) & 1) << 4))) + least;
    out[to + k + 16] = fround(scale * ((both >> 4) | (((high >>> (k + 16)) & 1) << 4))) + least;
  }
};

const q80: DecodePart = (bytes, at, _, out, to) => {
  const scale = halfAt(bytes, at);
  for (let k = 0; k < 32; k++) out[to + k] = ((bytes[at + 2 + k]! << 24) >> 24) * scale;
};

/** Types of blocks of 32 values by their names in GGML. */
export const BLOCKS_OF_32 = {
  Q4_0: blocksOf(32, 18, q40),
  Q4_1: blocksOf(32, 20, q41),
  Q5_0: blocksOf(32, 22, q50),
  Q5_1: blocksOf(32, 24, q51),
  Q8_0: blocksOf(32, 34, q80),
} satisfies Record<string, StoredType>;
