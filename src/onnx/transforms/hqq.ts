// Blocks of floats as integers by half-quadratic quantisation: the zero point moves to where the
// error is least, measured in a norm that forgives outliers. Needs no data.

import { DataType } from '../graph.ts';
import { type Blocks, placeOf } from './blocks.ts';
import type { Blockwise } from './form.ts';
import { type Kernel, kernel, loadBlocks, storeBlocks } from './kernel.ts';
import { type QuantiseBlocks, refuseNotFinite } from './rtn.ts';
import { asStored } from './scales.ts';

/** Most steps of a zero point. */
export const HQQ_STEPS = 20;
/** The norm of the error, its weight at the start and what it is multiplied with at each step. */
const [NORM, BETA, KAPPA] = [0.7, 10, 1.01];

/**
 * Zero points as floats, or rounded where they are stored as integers: the range then reaches to 0,
 * so that they lie in it. Integers are those of scale and zero point as stored.
 *
 * With scale s (of the range of the block) and zero point z, at most 20 times:
 *   q = clamp(round(w s + z)), r = (q - z) / s, e = shrink(w - r), z = mean(q - (w - e) s)
 * with shrink(x) = sign(x) max(0, |x| - |x|^(p - 1) / beta), p = 0.7, beta = 10 x 1.01^step. It
 * ends with the step in which the mean of |w - r| over the whole matrix falls no more. The zeros
 * that pad the last block take part.
 * @source Badri and Shaji, Half-Quadratic Quantization of Large Machine Learning Models, 2023;
 *   onnxruntime/python/tools/quantization/matmul_nbits_quantizer.py, quantize_internal
 */
export function hqq(
  form: Blockwise,
  label: string,
): {
  /** Adds the sums of the blocks' errors at each step. */
  addErrors(blocks: Blocks, errors: Float64Array): void;
  /** With so many steps. */
  quantise(steps: number): QuantiseBlocks;
} {
  const { fround } = Math;
  const { block, bits, scales: type } = form;
  const most = 2 ** bits - 1;
  const whole = form.zeros === DataType.uint8;
  const place = placeOf(form);

  /** Zero points and inverses of scales after so many steps. @returns the pitch of the values */
  function solve(blocks: Blocks, steps: number): number {
    const { count } = blocks;
    const { turn, ranges, hqq: move } = solver();
    let pitch = loadBlocks(blocks, block);
    ranges(count, block, block, pitch);
    refuseNotFinite(label, count, block, pitch);
    if (pitch === 0) {
      pitch = (count + 3) & ~3;
      turn(count, block, pitch);
    }
    move(count, block, bits, pitch, steps, whole ? 1 : 0);
    return pitch;
  }

  return {
    addErrors(blocks, errors) {
      const { errors: added } = kernel();
      added.fill(0);
      solve(blocks, HQQ_STEPS);
      for (let step = 0; step < HQQ_STEPS; step++) errors[step]! += added[step]!;
    },
    quantise: (steps) => (blocks, out) => {
      const { inverse, zero, roundAll } = kernel();
      const { count } = blocks;
      const { byte, bytes, index, step } = place(blocks);
      const pitch = solve(blocks, steps);
      for (let b = 0; b < count; b++) {
        const scale = asStored(fround(1 / inverse[b]!), type, label);
        // A scale in float32 is used unrounded.
        if (type === DataType.float16) inverse[b] = 1 / scale;
        zero[b] = whole
          ? Math.min(most, Math.max(0, Math.round(zero[b]!)))
          : asStored(zero[b]!, form.zeros, label);
        out.scales[index + b * step] = scale;
        out.zeros[index + b * step] = zero[b]!;
      }
      roundAll(count, block, block, bits, pitch, 1);
      const length = form.padded ? block : blocks.length;
      const used = Math.ceil((length * bits) / 8);
      storeBlocks(out.weights, byte, bytes, count, (block * bits) / 8, used);
    },
  };
}

let known: Kernel | null = null;

/** The kernel with the weights of the norm, and the errors that shrink to 0 for certain. */
function solver(): Kernel {
  if (known) return known;
  known = kernel();
  let beta = BETA;
  for (let step = 0; step < HQQ_STEPS; step++, beta *= KAPPA) {
    known.weights[step] = 1 / beta;
    known.limits[step] = 0.999 * beta ** (-1 / (2 - NORM));
  }
  return known;
}

/** Steps that a matrix takes, from the sums of its errors at each. @param count of its elements */
export function stepsOf(errors: Float64Array, count: number): number {
  let best = 1e4;
  for (const [step, sum] of errors.entries()) {
    const error = Math.fround(sum / count);
    if (!(error < best)) return step + 1;
    best = error;
  }
  return HQQ_STEPS;
}
