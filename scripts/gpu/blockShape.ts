// The shape of one transformer block, and what follows from it: matrices, bytes, operations.

/** How weights are stored; activations are float16 beside `fp16`, and beside `q4` where asked. */
export type WeightForm = 'fp32' | 'fp16' | 'q4';

export interface BlockShape {
  hidden: number;
  ffn: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  ropeBase: number;
}

/** @source config.json of Llama 3.2 1B; its scaling of the rotary angles is left out. */
export const LLAMA_1B: BlockShape = {
  hidden: 2048,
  ffn: 8192,
  heads: 32,
  kvHeads: 8,
  headSize: 64,
  ropeBase: 500_000,
};

/** Weights per scale of a 4-bit matrix. */
export const QUANT_BLOCK = 32;

export type MatrixName = 'qkv' | 'output' | 'gate' | 'up' | 'down';

/** A linear layer: (rows, `inputs`) -> (rows, `outputs`). */
export interface Matrix {
  name: MatrixName;
  inputs: number;
  outputs: number;
}

/** Query, key and value projections are one matrix, as exporters pack them. */
export function matricesOf({ hidden, ffn, heads, kvHeads, headSize }: BlockShape): Matrix[] {
  return [
    { name: 'qkv', inputs: hidden, outputs: (heads + 2 * kvHeads) * headSize },
    { name: 'output', inputs: heads * headSize, outputs: hidden },
    { name: 'gate', inputs: hidden, outputs: ffn },
    { name: 'up', inputs: hidden, outputs: ffn },
    { name: 'down', inputs: ffn, outputs: hidden },
  ];
}

/** Elements of all matrices. */
export function matrixElements(shape: BlockShape): number {
  return matricesOf(shape).reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
}

/** Bytes of all matrices, with the scales of 4-bit ones, which are as wide as the activations. */
export function matrixBytes(
  shape: BlockShape,
  form: WeightForm,
  activation: 'float32' | 'float16',
): number {
  const elements = matrixElements(shape);
  if (form === 'q4')
    return elements / 2 + (elements / QUANT_BLOCK) * (activation === 'float16' ? 2 : 4);
  return elements * (form === 'fp16' ? 2 : 4);
}

/**
 * Floating-point operations of `rows` sequences of `tokens` new tokens after `past` earlier ones:
 * two for each element of a matrix and token, and four for each pair of a query and a key that it
 * may see, head and channel (scores and their use). Norms and activations are not counted.
 */
export function blockOperations(
  shape: BlockShape,
  rows: number,
  tokens: number,
  past: number,
): number {
  const pairs = tokens * past + (tokens * (tokens + 1)) / 2;
  return rows * (2 * tokens * matrixElements(shape) + 4 * pairs * shape.heads * shape.headSize);
}
