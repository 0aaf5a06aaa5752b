// Blocks of floats as integers under a scale each, rounded to the nearest.

import { DataType } from '../graph.ts';
import { nearestHalf } from '../half.ts';
import { type Blocks, placeOf } from './blocks.ts';
import type { Blockwise } from './form.ts';
import { kernel, loadBlocks, loaded, storeBlocks } from './kernel.ts';
import { beyondType, notFinite } from './scales.ts';

/** What blocks become, row after row; scales and zero points by block. */
export interface Integers {
  weights: Uint8Array;
  scales: Float32Array;
  zeros: Float32Array;
}

export type QuantiseBlocks = (blocks: Blocks, out: Integers) => void;

/** Bits of the first float32 that is not finite. */
const INFINITE = 0x7f800000;

/** @throws EspalierError `bad-input` for blocks whose `ranges` say so */
export function refuseNotFinite(label: string, count: number, block: number, pitch: number): void {
  const { size } = kernel();
  for (let b = 0; b < count; b++)
    for (let k = 0; size[b]! >= INFINITE; k++) {
      const value = loaded(k, b, block, pitch);
      if (!Number.isFinite(value)) throw notFinite(label, value);
    }
}

/**
 * Bit for bit what ONNX Runtime's quantiser makes, in float32 arithmetic: asymmetric with zero
 * points, symmetric without. A block that ends in padding is quantised over what it has.
 * @source onnxruntime/core/mlas/lib/q4_dq.cpp, BlockwiseQuantizer
 */
export function rtn(form: Blockwise, label: string): QuantiseBlocks {
  const { fround } = Math;
  const { block, bits, zeros: zeroType, scales: type } = form;
  const [most, middle] = [2 ** bits - 1, 2 ** (bits - 1)];
  const half = type === DataType.float16;
  const asymmetric = zeroType !== DataType.undefined;
  const place = placeOf(form);

  return (blocks, { weights, scales, zeros }) => {
    const { high, low, zero, inverse, ranges, roundAll } = kernel();
    const { count, length } = blocks;
    const { byte, bytes, index, step } = place(blocks);
    const pitch = loadBlocks(blocks, block);
    ranges(count, length, block, pitch);
    refuseNotFinite(label, count, block, pitch);
    for (let b = 0; b < count; b++) {
      const largest = high[b]!;
      const smallest = low[b]!;
      let exact: number;
      if (asymmetric) {
        exact = fround(fround(largest - smallest) / most);
        const point = exact === 0 ? smallest : fround(0 - fround(smallest / exact));
        const rounded = (Math.min(most, Math.max(0, point)) + 0.5) | 0;
        zero[b] = rounded;
        zeros[index + b * step] = rounded;
      } else {
        let extreme = largest > -smallest ? largest : smallest;
        // Of zeros alone the first, with its sign.
        if (extreme === 0) extreme = loaded(0, b, block, pitch);
        exact = fround(-extreme / middle);
        zero[b] = middle;
      }
      const scale = half ? nearestHalf(exact) : exact;
      if (!Number.isFinite(scale)) throw beyondType(label, exact, type);
      scales[index + b * step] = scale;
      inverse[b] = scale === 0 ? 0 : 1 / scale;
    }
    roundAll(count, length, block, bits, pitch, 0);
    const used = form.padded ? (block * bits) / 8 : Math.ceil((length * bits) / 8);
    storeBlocks(weights, byte, bytes, count, (block * bits) / 8, used);
    if (bits === 4 && length % 2 === 1) leaveNibbles(blocks, weights, byte, bytes);
  };
}

/**
 * In place of a last nibble that is not there ONNX Runtime leaves the one before, of the pair of
 * blocks that it works on.
 */
function leaveNibbles(
  { count, length, at }: Blocks,
  weights: Uint8Array,
  byte: number,
  bytes: number,
): void {
  if (length === 1 && at % 2 === 0) return;
  for (let b = 0; b < count; b++) {
    const last = byte + b * bytes + (length >> 1);
    weights[last]! |= weights[last - 1]! & 0xf0;
  }
}
