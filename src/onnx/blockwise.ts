// Block-quantised matrices as float32: the weights of MatMulNBits, dequantised row by row.

import { EspalierError } from '../errors.ts';
import { DataType } from './graph.ts';
import { fromHalf } from './half.ts';
import type { ByteSource, Derivation } from './source.ts';

/** How a matrix of `rows` x `columns` is stored; all are parameters of the transform. */
interface Blockwise {
  rows: number;
  columns: number;
  /** Columns that share a scale. */
  block: number;
  bits: number;
  /** Element types of scales and zero points, as ONNX numbers. */
  scales: DataType;
  zeros: DataType;
}

/** Bytes converted at a time, of the result. */
const STEP_BYTES = 2 ** 22;

function formOf({ parameters }: Pick<Derivation, 'parameters'>): Blockwise {
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

/** Bytes of the result: a float32 for each element. */
export function blockwiseLength(parameters: Derivation['parameters']): number {
  const { rows, columns } = formOf({ parameters });
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
  const form = formOf({ parameters });
  const { rows, columns, block, bits } = form;
  if (!weights || !scales || ![2, 4, 8].includes(bits))
    throw new EspalierError('bug', `${label} cannot be dequantised from ${bits} bits.`);
  const blocks = Math.ceil(columns / block);
  const rowBytes = (blocks * block * bits) / 8;
  const scaleBytes = blocks * sizeOf(form.scales);
  const packed = form.zeros === DataType.uint8;
  const zeroBytes = packed ? Math.ceil((blocks * bits) / 8) : blocks * sizeOf(form.zeros);
  const size = blockwiseLength(parameters);

  /** Rows from..to as floats. */
  const convert = async (from: number, to: number): Promise<Float32Array<ArrayBuffer>> => {
    const count = to - from;
    const read = (source: ByteSource, bytes: number) => source.read(from * bytes, count * bytes);
    const [stored, factors, points] = await Promise.all([
      read(weights, rowBytes),
      read(scales, scaleBytes).then((bytes) => floats(bytes, form.scales)),
      zeros ? read(zeros, zeroBytes) : null,
    ]);
    const shifts = points && !packed ? floats(points, form.zeros) : null;
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

  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    const step = Math.max(1, Math.floor(STEP_BYTES / (columns * 4)));
    for (let done = 0; done < target.length; ) {
      const first = Math.floor((offset + done) / (columns * 4));
      const last = Math.min(rows, first + step);
      const bytes = new Uint8Array((await convert(first, last)).buffer);
      const part = bytes.subarray(offset + done - first * columns * 4);
      const taken = part.subarray(0, target.length - done);
      if (taken.length === 0)
        throw new EspalierError('bug', `${label} has fewer values than were asked for.`);
      target.set(taken, done);
      done += taken.length;
    }
  };
  return {
    size,
    readInto,
    async read(offset, length) {
      const target = new Uint8Array(length);
      await readInto(offset, target);
      return target;
    },
  };
}

/** The k-th integer of `bits` bits from a byte on, the first in the lowest bits. */
function integerAt(bytes: Uint8Array, from: number, k: number, bits: number): number {
  const bit = k * bits;
  return ((bytes[from + (bit >> 3)] as number) >> (bit & 7)) & (2 ** bits - 1);
}

function sizeOf(type: DataType): number {
  return type === DataType.float ? 4 : 2;
}

/** float32 or float16 numbers. */
function floats(bytes: Uint8Array, type: DataType): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = sizeOf(type);
  return Float32Array.from({ length: bytes.byteLength / size }, (_, k) =>
    type === DataType.float ? view.getFloat32(k * 4, true) : fromHalf(view.getUint16(k * 2, true)),
  );
}
