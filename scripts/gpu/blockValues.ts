// Arbitrary, repeatable weights and activations of a block, each exact in float16: the same numbers
// in every form, so that results of different forms can be compared.

import { xoshiro128 } from '../../src/analysis/random.ts';
import { narrowed } from '../../src/onnx/half.ts';
import { type BlockShape, type MatrixName, matricesOf, QUANT_BLOCK } from './blockShape.ts';

/** A 4-bit matrix as MatMulNBits takes it: rows of the output, low half of a byte first. */
interface Quantized {
  /** (outputs, inputs / 32, 16) */
  packed: Uint8Array<ArrayBuffer>;
  /** (outputs, inputs / 32); a weight is (q - 8) x scale. */
  scales: Float32Array<ArrayBuffer>;
}

/** Weights in float32. Matrices are (inputs, outputs), as MatMul takes them. */
export interface BlockValues {
  matrices: Record<MatrixName, Float32Array<ArrayBuffer>>;
  inputNorm: Float32Array<ArrayBuffer>;
  postNorm: Float32Array<ArrayBuffer>;
}

export interface QuantizedValues extends Omit<BlockValues, 'matrices'> {
  matrices: Record<MatrixName, Quantized>;
}

/** Steps of a weight on one side of zero. */
const STEPS = 127;
/** Standard deviation of about 0.018. */
const WEIGHT_STEP = 2 ** -12;
const SCALE = 2 ** -8;

/** `count` numbers from -127 to 127 times `step`: exact in float16 for a power of two. */
export function noise(count: number, step: number, seed: number): Float32Array<ArrayBuffer> {
  const next = xoshiro128(seed);
  const out = new Float32Array(count);
  for (let k = 0; k < count; ) {
    let word = next();
    for (let byte = 0; byte < 4 && k < count; byte++, word >>>= 8)
      out[k++] = (((word & 255) % (2 * STEPS + 1)) - STEPS) * step;
  }
  return out;
}

const nearOne = (count: number, seed: number): Float32Array<ArrayBuffer> =>
  noise(count, 2 ** -9, seed).map((x) => 1 + x);

/** Weights of fp32 and fp16 blocks. */
export function blockValues(shape: BlockShape, seed = 1): BlockValues {
  const matrices = matricesOf(shape).map(({ name, inputs, outputs }, k) => [
    name,
    noise(inputs * outputs, WEIGHT_STEP, seed * 100 + k),
  ]);
  return {
    matrices: Object.fromEntries(matrices),
    inputNorm: nearOne(shape.hidden, seed * 100 + 90),
    postNorm: nearOne(shape.hidden, seed * 100 + 91),
  };
}

/** Weights of q4 blocks. */
export function quantizedValues(shape: BlockShape, seed = 1): QuantizedValues {
  const matrices = matricesOf(shape).map(({ name, inputs, outputs }, k) => {
    const next = xoshiro128(seed * 100 + 50 + k);
    const words = Uint32Array.from({ length: (inputs * outputs) / 8 }, next);
    const scales = Float32Array.from(
      { length: (inputs * outputs) / QUANT_BLOCK },
      () => SCALE * (1 + (next() & 7) / 8),
    );
    return [name, { packed: new Uint8Array(words.buffer), scales }];
  });
  return {
    matrices: Object.fromEntries(matrices),
    inputNorm: nearOne(shape.hidden, seed * 100 + 90),
    postNorm: nearOne(shape.hidden, seed * 100 + 91),
  };
}

/** cos and sin of every position up to `positions`, (positions, head size / 2) each. */
export function rotaryTables(
  { headSize, ropeBase }: BlockShape,
  positions: number,
): { cos: Float32Array<ArrayBuffer>; sin: Float32Array<ArrayBuffer> } {
  const half = headSize / 2;
  const angle = (k: number): number =>
    Math.floor(k / half) * ropeBase ** (-(2 * (k % half)) / headSize);
  const table = (of: (angle: number) => number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: positions * half }, (_, k) => of(angle(k)));
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** Little-endian bytes in the type that the block computes in. */
export function floatBytes(
  values: Float32Array<ArrayBuffer>,
  type: 'float32' | 'float16',
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type === 'float32') return bytes;
  return narrowed(bytes, (value) => {
    throw new RangeError(`${value} is beyond float16`);
  });
}
