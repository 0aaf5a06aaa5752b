// Block-quantised matrices as float32: the weights of MatMulNBits, dequantised row by row.

import { EspalierError } from '../../errors.ts';
import { DataType } from '../graph.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { blockwiseForm, blockwiseSizes } from './form.ts';
import { rowSource } from './rows.ts';
import { storedNumbers } from './scales.ts';

/** Bytes of the result: a float32 for each element. */
export function blockwiseLength(parameters: Derivation['parameters']): number {
  const { rows, columns } = blockwiseForm(parameters);
  return rows * columns * 4;
}

/**
 * The values (q - zero point) x scale, row by row, as a source.
 * @param sources weights (rows, blocks, bytes of a block), scales (rows, blocks), and zero points:
 *   packed from a byte on in every row, or floats (rows, blocks); 2^(bits - 1) without any.
 * @source onnxruntime/docs/ContribOperators.md, com.microsoft.MatMulNBits
 */
export function blockwiseSource(
  [weights, scales, zeros]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const form = blockwiseForm(parameters);
  const { rows, columns, block, bits } = form;
  if (!weights || !scales || ![2, 4, 8].includes(bits))
    throw new EspalierError('bug', `${label} cannot be dequantised from ${bits} bits.`);
  const { blocks, rowBytes, scaleBytes, zeroBytes } = blockwiseSizes(form);
  const packed = form.zeros === DataType.uint8;

  /** Rows from..to as floats. */
  const convert = async (from: number, to: number): Promise<Float32Array<ArrayBuffer>> => {
    const count = to - from;
    const read = (source: ByteSource, bytes: number) => source.read(from * bytes, count * bytes);
    const [stored, factors, points] = await Promise.all([
      read(weights, rowBytes),
      read(scales, scaleBytes).then((bytes) => storedNumbers(bytes, form.scales)),
      zeros ? read(zeros, zeroBytes) : null,
    ]);
    const shifts = points && !packed ? storedNumbers(points, form.zeros) : null;
    const out = new Float32Array(count * columns);
    for (let row = 0; row < count; row++)
      for (let column = 0; column < columns; column++) {
        const at = Math.floor(column / block);
        const scale = factors[row * blocks + at] as number;
        const q = integerAt(stored, row * rowBytes, column, bits);
        let zero = 2 ** (bits - 1);
        if (shifts) zero = shifts[row * blocks + at] as number;
        else if (points) zero = integerAt(points, row * zeroBytes, at, bits);
        out[row * columns + column] = (q - zero) * scale;
      }
    return out;
  };

  const make = async (from: number, to: number): Promise<Uint8Array> =>
    new Uint8Array((await convert(from, to)).buffer);
  return rowSource({ rows, rowBytes: columns * 4, make }, label);
}

/** The k-th integer of `bits` bits from a byte on, the first in the lowest bits. */
function integerAt(bytes: Uint8Array, from: number, k: number, bits: number): number {
  const bit = k * bits;
  return ((bytes[from + (bit >> 3)] as number) >> (bit & 7)) & (2 ** bits - 1);
}
