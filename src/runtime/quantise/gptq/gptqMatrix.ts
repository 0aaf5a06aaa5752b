// One matrix of GPTQ: read as it is stored, rounded row by row, packed as MatMulNBits takes it, and
// the floats that the packed bytes stand for.

import { type InputFactor, roundRows } from '../../../analysis/algebra/gptq.ts';
import type { Turn } from '../../../analysis/algebra/symmetric.ts';
import type { BlockSize, ComputedMatrix } from '../../../model/quantise/quantisation.ts';
import { BytesReader, derive } from '../../../onnx/bytes.ts';
import { DataType } from '../../../onnx/graph.ts';
import { widened } from '../../../onnx/half.ts';
import type { Bytes, Folder } from '../../../onnx/source.ts';
import { notFinite, numbersStored, storedNumbers } from '../../../onnx/transforms/scales.ts';

/** A matrix where it is read from. */
export interface StoredMatrix {
  /** Name of the stored tensor. */
  tensor: string;
  outputs: number;
  inputs: number;
  order: 'in-out' | 'out-in';
  data: Bytes;
  /** float or float16. */
  type: DataType;
}

export interface GptqForm {
  block: BlockSize;
  /** Element type of the scales in the file, float or float16. */
  scales: DataType;
}

/** A matrix in few bits, by no name yet. */
export type PackedNibbles = Omit<ComputedMatrix, 'tensor' | 'block'>;

/** Values that are read and checked between two turns. */
const READ_VALUES = 2 ** 21;
/** Bytes of floats that are made between two turns. */
const FLOAT_BYTES = 2 ** 21;

/** Bytes of a matrix in few bits: integers, float32 scales, zero points. */
export function packedBytes(outputs: number, inputs: number, block: number): number {
  const blocks = Math.ceil(inputs / block);
  return outputs * ((blocks * block) / 2 + 4 * blocks + Math.ceil(blocks / 2));
}

/**
 * @param factor null rounds each weight to the nearest
 * @throws EspalierError `bad-input` for weights that are not finite and for scales that float16
 *   cannot hold; what reading throws, and `turn`
 */
export async function roundMatrix(
  matrix: StoredMatrix,
  factor: InputFactor | null,
  { block, scales: scaleType }: GptqForm,
  folder: Folder,
  turn: Turn,
): Promise<PackedNibbles> {
  const { outputs, inputs, tensor } = matrix;
  const values = await readValues(matrix, folder, turn);
  const blocks = Math.ceil(inputs / block);
  const rowBytes = (blocks * block) / 2;
  const zeroBytes = Math.ceil(blocks / 2);
  const weights = new Uint8Array(outputs * rowBytes);
  const scales = new Float32Array(outputs * blocks);
  const zeros = new Uint8Array(outputs * zeroBytes);
  const [rowStep, columnStep] = matrix.order === 'out-in' ? [inputs, 1] : [1, outputs];
  const read = (row: number, target: Float64Array): void => {
    for (let k = 0, at = row * rowStep; k < inputs; k++, at += columnStep) target[k] = values[at]!;
  };
  const storedScale = (scale: number): number => {
    const stored = storedNumbers(
      numbersStored(Float32Array.of(scale), scaleType, tensor),
      scaleType,
    );
    // A range too small for its type: no weight is divided by zero.
    return stored[0] || (scaleType === DataType.float16 ? 2 ** -24 : 2 ** -149);
  };
  const put: Parameters<typeof roundRows>[0]['put'] = (row, rounded) => {
    scales.set(rounded.scales, row * blocks);
    for (let at = 0; at < blocks * block; at++) {
      // Padding stands for zero, and the padding of the zero points for symmetric ones.
      const q = at < inputs ? rounded.q[at]! : rounded.zeros[Math.floor(at / block)]!;
      weights[row * rowBytes + (at >> 1)]! |= q << ((at & 1) * 4);
    }
    for (let at = 0; at < 2 * zeroBytes; at++)
      zeros[row * zeroBytes + (at >> 1)]! |=
        (at < blocks ? rounded.zeros[at]! : 8) << ((at & 1) * 4);
  };
  await roundRows({ outputs, inputs, block, read, storedScale, put }, factor, turn);
  const bytes = new Uint8Array(scales.buffer);
  return { outputs, inputs, blockSize: block, bits: 4, weights, scales: bytes, zeros };
}

/** The stored values as float32, in the order in which they are stored. */
async function readValues(
  { data, type, outputs, inputs, tensor }: StoredMatrix,
  folder: Folder,
  turn: Turn,
): Promise<Float32Array> {
  const values = new Float32Array(outputs * inputs);
  const source = new BytesReader(folder).open(data);
  const size = type === DataType.float16 ? 2 : 4;
  for (let at = 0; at < values.length; at += READ_VALUES) {
    await turn();
    const count = Math.min(READ_VALUES, values.length - at);
    const bytes = await source.read(at * size, count * size);
    const part = new Uint8Array(values.buffer, at * 4, count * 4);
    part.set(type === DataType.float16 ? widened(bytes) : bytes);
    const wrong = values.subarray(at, at + count).find((value) => !Number.isFinite(value));
    if (wrong !== undefined) throw notFinite(tensor, wrong);
  }
  return values;
}

/** (q - zero point) * scale in float32, in an order of rows and columns. */
export async function floatsOfPacked(
  { outputs, inputs, blockSize, bits, weights, scales, zeros }: PackedNibbles,
  order: StoredMatrix['order'],
  turn: Turn,
): Promise<Uint8Array<ArrayBuffer>> {
  const form = { rows: outputs, columns: inputs, block: blockSize, bits, order };
  const types = { scales: DataType.float, zeros: DataType.uint8 };
  const data = derive('blockwise-to-floats', [weights, scales, zeros], '', { ...form, ...types });
  const source = new BytesReader(NO_FILES).open(data);
  const floats = new Uint8Array(data.length);
  for (let at = 0; at < floats.length; at += FLOAT_BYTES) {
    await turn();
    await source.readInto(at, floats.subarray(at, at + FLOAT_BYTES));
  }
  return floats;
}

/** Matrices in memory need none. */
const NO_FILES: Folder = { name: '', files: [], open: () => null };
