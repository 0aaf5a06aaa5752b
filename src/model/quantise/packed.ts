// The bytes of a matrix in few bits, as MatMulNBits and GatherBlockQuantized store it, and the
// floats that those bytes stand for. Nothing is read before the bytes are.

import { EspalierError } from '../../errors.ts';
import { derive, madeBy } from '../../onnx/bytes.ts';
import { DataType } from '../../onnx/graph.ts';
import type { Bytes, DerivedRange } from '../../onnx/source.ts';
import { type BlockwiseParameters, quantisedParts } from '../../onnx/transforms/form.ts';
import { storedAsFloats } from '../../onnx/transforms/stored/derived.ts';
import type { QuantisableMatrix } from './matrices.ts';
import {
  BLOCK_SIZES,
  type BlockSize,
  type ComputedMatrix,
  type QuantiseSettings,
} from './quantisation.ts';

/** How a matrix is packed. */
export interface Packing {
  settings: QuantiseSettings;
  bits: 4 | 8;
  /** Element type of scales and of zero points that are floats: that of the activations. */
  scales: DataType;
  /** The integers of this matrix, where they were computed from a text; 4 bits alone. */
  computed?: ComputedMatrix | null;
}

/** What MatMulNBits takes of a matrix (outputs, inputs). */
export interface PackedMatrix {
  bits: 4 | 8;
  /** Inputs that share a scale. */
  block: BlockSize;
  outputs: number;
  inputs: number;
  /** ceil(inputs / block). */
  blocks: number;
  /** uint8 (outputs, blocks, block x bits / 8). */
  weights: Bytes;
  /** (outputs, blocks) in the type `scalesType`. */
  scales: Bytes;
  scalesType: DataType;
  /**
   * uint8, packed from a byte on in every row, or floats of the scales' type (outputs, blocks);
   * null without zero points.
   */
  zeros: Bytes | null;
  zerosType: DataType;
}

/**
 * Inputs that share a scale. A table that is looked up has rows without padding: it, and a head
 * that is one with it, takes the largest block up to the chosen one that divides its width.
 */
export function blockOf(
  { inputs, kind, tied }: Pick<QuantisableMatrix, 'inputs' | 'kind' | 'tied'>,
  { block }: Pick<QuantiseSettings, 'block'>,
): BlockSize {
  if (kind !== 'embedding' && !tied) return block;
  return BLOCK_SIZES.findLast((size) => size <= block && inputs % size === 0) ?? block;
}

/**
 * @throws EspalierError `bad-input` for a computed matrix of another form. Reading the bytes throws
 *   `bad-input` for weights that are not finite and for scales that float16 cannot hold.
 */
export function packedMatrix(matrix: QuantisableMatrix, packing: Packing): PackedMatrix {
  const { outputs, inputs } = matrix;
  const { bits, scales: scalesType, settings, computed } = packing;
  const block = blockOf(matrix, settings);
  const blocks = Math.ceil(inputs / block);
  const form = { bits, block, outputs, inputs, blocks, scalesType };
  if (computed) return { ...form, ...ofComputed(matrix, computed, packing, block) };
  const wide = beforeFloat16(matrix.data);
  const floats = wide === matrix.data ? matrix.type : DataType.float;
  const turned = matrix.order === 'in-out' ? beforeTurned(wide) : null;
  const source = turned ?? wide;
  const order = turned ? 'out-in' : matrix.order;
  const parameters = { ...parametersOf(matrix, packing, block), floats, order };
  const all = derive('floats-to-blockwise', [source], matrix.tensor, parameters) as DerivedRange;
  const parts = quantisedParts(parameters);
  const zerosType = parameters.zeros;
  return {
    ...form,
    weights: { ...all, ...parts.weights },
    scales: { ...all, ...parts.scales },
    zeros: zerosType === DataType.undefined ? null : { ...all, ...parts.zeros },
    zerosType,
  };
}

/**
 * The floats that the packed bytes stand for, (q - zero point) x scale, in the order and element
 * type in which the source stores the matrix. @throws EspalierError as `packedMatrix`
 */
export function dequantisedMatrix(matrix: QuantisableMatrix, packing: Packing): Bytes {
  const { weights, scales, zeros, zerosType, block } = packedMatrix(matrix, packing);
  const sources = [weights, scales, ...(zeros ? [zeros] : [])];
  const { tensor, type: floats } = matrix;
  const parameters = { ...parametersOf(matrix, packing, block), zeros: zerosType, floats };
  return derive('blockwise-to-floats', sources, tensor, parameters);
}

/** The float32 bytes that all of these were rounded from; else these. */
export function beforeFloat16(data: Bytes): Bytes {
  return madeBy(data, 'float32-to-float16')?.source ?? data;
}

/** The float32 matrix whose rows and columns these bytes have exchanged: it need not be twice. */
function beforeTurned(data: Bytes): Bytes | null {
  const made = madeBy(data, 'transposed');
  return made && storedAsFloats(made.source, String(made.parameters.type ?? 'F32'), 'matrix');
}

function parametersOf(
  { outputs, inputs, kind, order }: QuantisableMatrix,
  { bits, scales, settings }: Packing,
  block: BlockSize,
): BlockwiseParameters {
  const { method, symmetric, floatZeros } = settings;
  const isTable = kind === 'embedding' || kind === 'head';
  const hqq = method === 'hqq' && bits === 4 && !isTable;
  let zeros: DataType = DataType.uint8;
  if (method === 'rtn' && symmetric) zeros = DataType.undefined;
  else if (hqq && floatZeros) zeros = scales;
  const quantiser = hqq ? 'hqq' : 'rtn';
  return { rows: outputs, columns: inputs, block, bits, scales, zeros, order, method: quantiser };
}

function ofComputed(
  { tensor, outputs, inputs }: QuantisableMatrix,
  computed: ComputedMatrix,
  { bits, scales }: Packing,
  block: BlockSize,
): Pick<PackedMatrix, 'weights' | 'scales' | 'zeros' | 'zerosType'> {
  const fits =
    computed.outputs === outputs &&
    computed.inputs === inputs &&
    computed.blockSize === block &&
    computed.bits === bits;
  if (!fits)
    throw new EspalierError(
      'bad-input',
      `What was computed for the matrix ${tensor} is ${computed.outputs} x ${computed.inputs} in ` +
        `${computed.bits} bits and blocks of ${computed.blockSize}, and it is ${outputs} x ` +
        `${inputs}, to be written in ${bits} bits and blocks of ${block}.`,
      'Quantise the plan again with this model.',
    );
  // Bytes in memory would be written into the graph file.
  const outside = (bytes: Bytes): Bytes => derive('as-they-are', [bytes], tensor);
  return {
    weights: outside(computed.weights),
    scales:
      scales === DataType.float16
        ? derive('float32-to-float16', [computed.scales], tensor)
        : outside(computed.scales),
    zeros: outside(computed.zeros),
    zerosType: DataType.uint8,
  };
}
