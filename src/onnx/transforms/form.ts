// How MatMulNBits stores a matrix: blocks of integers along each row, with a scale and maybe a zero
// point each.

import { DataType } from '../graph.ts';
import type { Derivation } from '../source.ts';

/**
 * A matrix of `rows` outputs x `columns` inputs (N, K) in blocks of integers, and the floats that
 * it is made of or turned into: the parameters of `floats-to-blockwise` and `blockwise-to-floats`.
 *
 * The integers are weights | scales | zero points:
 * - weights (rows, ceil(columns / block), block x bits / 8), the first of a byte in its low bits;
 * - scales (rows, ceil(columns / block)) in the type `scales`;
 * - zero points in the type `zeros`: uint8 packed as the weights, from a byte on in every row, with
 *   2^(bits - 1) in what is left of the last byte; or floats as the scales.
 *
 * GatherBlockQuantized over uint8 (gather_axis 0, quantize_axis 1, `bits`) takes the same bytes as
 * data (rows, columns x bits / 8), scales and zero points, where its rows are `padded` to no more
 * than they have: always where the block divides the columns. So a table that is gathered and
 * multiplied with is stored once in that case alone.
 * @source onnxruntime/docs/ContribOperators.md, com.microsoft.MatMulNBits, GatherBlockQuantized
 */
export interface Blockwise {
  rows: number;
  columns: number;
  /** Columns that share a scale. */
  block: number;
  bits: number;
  /** Element types of scales and zero points, as ONNX numbers; 0 without zero points. */
  scales: DataType;
  zeros: DataType;
  /** False: rows of weights end with their columns, as in GatherBlockQuantized. Default true. */
  padded: boolean;
  /** Element type of the floats: float (default) or float16. */
  floats: DataType;
  /** How the floats lie: (rows, columns), which is the default, or (columns, rows). */
  order: 'out-in' | 'in-out';
  /** How they are quantised; see quantise.ts and hqq.ts. Default `rtn`. */
  method: 'rtn' | 'hqq';
}

/** Those without a default must be there. */
export type BlockwiseParameters = Pick<
  Blockwise,
  'rows' | 'columns' | 'block' | 'bits' | 'scales' | 'zeros'
> &
  Partial<Pick<Blockwise, 'padded' | 'floats' | 'order' | 'method'>>;

/** Per row: how many blocks, and the bytes that its parts take. */
export interface BlockwiseSizes {
  blocks: number;
  rowBytes: number;
  scaleBytes: number;
  zeroBytes: number;
}

export function blockwiseForm(parameters: Derivation['parameters']): Blockwise {
  const number = (name: string): number => Number(parameters[name] ?? 0);
  return {
    rows: number('rows'),
    columns: number('columns'),
    block: number('block'),
    bits: number('bits'),
    scales: number('scales'),
    zeros: number('zeros'),
    padded: parameters.padded !== false,
    floats: number('floats') || DataType.float,
    order: parameters.order === 'in-out' ? 'in-out' : 'out-in',
    method: parameters.method === 'hqq' ? 'hqq' : 'rtn',
  };
}

export function blockwiseSizes(form: Blockwise): BlockwiseSizes {
  const { columns, block, bits, scales, zeros } = form;
  const blocks = Math.ceil(columns / block);
  const stored = form.padded ? blocks * block : columns;
  let zeroBytes = 0;
  if (zeros === DataType.uint8) zeroBytes = Math.ceil((blocks * bits) / 8);
  else if (zeros !== DataType.undefined) zeroBytes = blocks * floatBytes(zeros);
  return {
    blocks,
    rowBytes: Math.ceil((stored * bits) / 8),
    scaleBytes: blocks * floatBytes(scales),
    zeroBytes,
  };
}

/** Most blocks that are quantised together. */
export const blocksAtOnce = (block: number): number => Math.min(256, (65536 / block) & ~3);

/** Bytes of a float32 or a float16. */
export const floatBytes = (type: DataType): number => (type === DataType.float ? 4 : 2);

/** Bytes of the matrix as floats. */
export function floatsLength(parameters: Derivation['parameters']): number {
  const { rows, columns, floats } = blockwiseForm(parameters);
  return rows * columns * floatBytes(floats);
}

/** Where the three tensors lie in the result of quantising. */
export function quantisedParts(
  parameters: Derivation['parameters'],
): Record<'weights' | 'scales' | 'zeros', { offset: number; length: number }> {
  const form = blockwiseForm(parameters);
  const { rowBytes, scaleBytes, zeroBytes } = blockwiseSizes(form);
  return {
    weights: { offset: 0, length: form.rows * rowBytes },
    scales: { offset: form.rows * rowBytes, length: form.rows * scaleBytes },
    zeros: { offset: form.rows * (rowBytes + scaleBytes), length: form.rows * zeroBytes },
  };
}

export function quantisedLength(parameters: Derivation['parameters']): number {
  const { zeros } = quantisedParts(parameters);
  return zeros.offset + zeros.length;
}
