// How MatMulNBits stores a matrix: blocks of integers along each row, with a scale and maybe a zero
// point each.

import { DataType } from '../graph.ts';
import type { Derivation } from '../source.ts';

/** How a matrix of `rows` x `columns` is stored; all are parameters of the transforms. */
export interface Blockwise {
  rows: number;
  columns: number;
  /** Columns that share a scale. */
  block: number;
  bits: number;
  /** Element types of scales and zero points, as ONNX numbers; 0 without zero points. */
  scales: DataType;
  zeros: DataType;
}

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
  };
}

/** Zero points of uint8 are packed from a byte on in every row; others are floats. */
export function blockwiseSizes(form: Blockwise): BlockwiseSizes {
  const { columns, block, bits, scales, zeros } = form;
  const blocks = Math.ceil(columns / block);
  const floats = (type: DataType): number => blocks * (type === DataType.float ? 4 : 2);
  let zeroBytes = 0;
  if (zeros === DataType.uint8) zeroBytes = Math.ceil((blocks * bits) / 8);
  else if (zeros !== DataType.undefined) zeroBytes = floats(zeros);
  return { blocks, rowBytes: (blocks * block * bits) / 8, scaleBytes: floats(scales), zeroBytes };
}
