// Quantised matrices as values that a gradient can be taken of: the floats that are multiplied
// with, never the stored integers.

import type { ElementType, WeightRef } from '../model/programs/program.ts';
import { derive } from '../onnx/bytes.ts';
import type { Node } from '../onnx/graph.ts';
import { DataType, elementCount, intAttribute } from '../onnx/graph.ts';
import { operatorName } from '../onnx/operators.ts';
import { attributesOf, textAttribute } from './build/attributes.ts';
import type { Builder } from './build/builder.ts';
import { RAISED_OPSET } from './build/raise.ts';
import { unknownForm } from './rules/rule.ts';

/** An input that a program gains: a weight of its score program in another form. */
export interface WeightRecipe {
  type: ElementType;
  /** The weight at one place in the model, from those bound there; null where they are missing. */
  make(weights: ReadonlyMap<string, WeightRef>): WeightRef | null;
}

interface Weights {
  /** Inputs whose gradients are asked for. */
  asked: ReadonlySet<string>;
  /** Inputs that the program gains; grows. */
  recipes: Map<string, WeightRecipe>;
  /** Stored matrix to the value that holds its floats; grows. */
  floats: Map<string, string>;
  /** Stored matrix to what it is read with; grows. */
  readings: Map<string, string>;
  /** Tensors of 4-bit integers can be fed. */
  feedsNibbles: boolean;
}

/** How MatMulNBits stores a matrix (n, k). */
interface Form {
  n: number;
  k: number;
  block: number;
  blocks: number;
  bits: number;
}

function formOf(node: Node): Form {
  const size = (name: string): number => intAttribute(node, name) ?? 0;
  const [n, k, block] = [size('N'), size('K'), size('block_size')];
  return { n, k, block, blocks: Math.ceil(k / block), bits: intAttribute(node, 'bits') ?? 4 };
}

const isProduct = (node: Node): boolean => operatorName(node) === 'com.microsoft.MatMulNBits';

/**
 * True when the device can dequantise the matrix of a MatMulNBits itself: DequantizeLinear reads
 * the same bytes where neither rows nor their zero points are padded.
 * @param typeOf element type of a value.
 * @param feedsNibbles tensors of 4-bit integers can be fed.
 */
export function dequantisesOnDevice(
  node: Node,
  typeOf: (value: string) => DataType,
  feedsNibbles: boolean,
): boolean {
  if (!isProduct(node)) return false;
  const { k, block, blocks, bits } = formOf(node);
  if (bits === 4 && !feedsNibbles) return false;
  const zeros = node.inputs[3] ?? '';
  const packed = zeros === '' || typeOf(zeros) === DataType.uint8;
  const aligned = bits === 8 || zeros === '' || blocks % 2 === 0;
  return (bits === 4 || bits === 8) && k % block === 0 && packed && aligned;
}

/**
 * MatMulNBits as a product with its matrix in float32; null for any other node, which stays. Of
 * DequantizeLinear the output is noted as the floats of its input.
 */
export function dequantised(b: Builder, node: Node, to: Weights): string | null {
  const operator = operatorName(node);
  if (operator === 'DequantizeLinear' && to.asked.has(node.inputs[0] ?? '')) {
    if ((to.floats.get(node.inputs[0] ?? '') ?? node.outputs[0]) !== node.outputs[0])
      throw unknownForm(node, 'whose stored matrix is dequantised elsewhere too');
    to.floats.set(node.inputs[0] ?? '', node.outputs[0] ?? '');
  }
  return isProduct(node) ? blockProduct(b, node, to) : null;
}

/** y = x transpose(W) + bias, W (N, K) */
function blockProduct(b: Builder, node: Node, to: Weights): string {
  const [x = '', , , , order = '', bias = ''] = node.inputs;
  if (order !== '') throw unknownForm(node, 'with columns reordered into groups (g_idx)');
  const matrix = matrixOf(b, node, to);
  const dims = b.dims(x);
  const [n = 0, k = 0] = b.dims(matrix);
  const rows = b.reshape(x, [elementCount(dims.slice(0, -1)), k]);
  const y = b.reshape(b.gemm(rows, matrix, { transB: true }), [...dims.slice(0, -1), n]);
  return bias === '' ? y : b.add(y, bias);
}

/**
 * A QMoE as a MoE whose stacks are floats, (E, N, K) each: the rows of all experts are one matrix.
 * Null for any other node. @throws EspalierError `unsupported-op` for a form that is not known
 */
export function expertsInFloats(b: Builder, node: Node, to: Weights): Node | null {
  if (operatorName(node) !== 'com.microsoft.QMoE') return null;
  if ((textAttribute(node, 'quant_type') ?? 'int') !== 'int' || node.inputs[14])
    throw unknownForm(
      node,
      'with floats of few bits, or with weights of their own for its experts',
    );
  if (node.inputs.slice(8, 11).some((name) => name !== ''))
    throw unknownForm(node, 'with a third matrix for each expert');
  const stack = (first: number, zeros: number, name: string): string => {
    const [stored = '', scales = ''] = node.inputs.slice(first);
    const [experts = 0, n = 0, bytes = 0] = b.dims(stored);
    const bits =
      intAttribute(node, `${name}_expert_weight_bits`) ??
      intAttribute(node, 'expert_weight_bits') ??
      4;
    const k = (bytes * 8) / bits;
    const rows = experts * n;
    const block = k / (b.dims(scales)[2] ?? 1);
    const product = {
      ...node,
      op: 'MatMulNBits',
      inputs: ['', stored, scales, node.inputs[zeros] ?? ''],
      attributes: attributesOf({ N: rows, K: k, block_size: block, bits }),
    };
    return b.reshape(matrixOf(b, product, to), [experts, n, k]);
  };
  const [x = '', router = '', , , bias1 = '', , , bias2 = ''] = node.inputs;
  const inputs = [x, router, stack(2, 11, 'fc1'), bias1, stack(5, 12, 'fc2'), bias2];
  return { ...node, op: 'MoE', inputs };
}

/** The floats of the stored matrix of a MatMulNBits, made once for each. */
function matrixOf(b: Builder, node: Node, to: Weights): string {
  const [, stored = ''] = node.inputs;
  const onDevice =
    b.opset >= RAISED_OPSET && dequantisesOnDevice(node, (v) => b.type(v), to.feedsNibbles);
  const make = onDevice ? matrixOnDevice : matrixOnHost;
  // Read twice with the same scales, it is the same matrix; with others, it would be two.
  const read = node.inputs.slice(1, 4).join();
  const known = to.floats.get(stored);
  if (known !== undefined && to.readings.get(stored) !== read)
    throw unknownForm(node, 'whose stored matrix is read elsewhere with other scales');
  const matrix = known ?? make(b, node, to);
  to.floats.set(stored, matrix);
  to.readings.set(stored, read);
  return matrix;
}

/** DequantizeLinear of the same bytes, declared as (N, K). */
function matrixOnDevice(b: Builder, node: Node, { recipes }: Weights): string {
  const [, stored = '', scales = '', zeros = ''] = node.inputs;
  const { n, k, block, blocks, bits } = formOf(node);
  const type = bits === 4 ? 'uint4' : 'uint8';
  const again = (source: string, as: keyof typeof TYPES, dims: readonly number[]): string => {
    const name = b.declare(b.fresh('stored'), { type: TYPES[as], dims });
    const make: WeightRecipe['make'] = (weights) => {
      const ref = weights.get(source);
      return ref ? { ...ref, type: as, dims } : null;
    };
    recipes.set(name, { type: as, make });
    return name;
  };
  const table = [n, blocks];
  const points = zeros === '' ? middle(b, bits, table, recipes) : again(zeros, type, table);
  const operands = [again(stored, type, [n, k]), again(scales, 'float32', table), points];
  const attributes = { axis: 1, block_size: block };
  return b.op('DequantizeLinear', operands, [n, k], attributes, { type: DataType.float });
}

const TYPES = {
  float32: DataType.float,
  uint4: DataType.uint4,
  uint8: DataType.uint8,
} as const;

/** The zero point 2^(bits - 1) for every block, which stands for none. */
function middle(
  b: Builder,
  bits: number,
  dims: readonly number[],
  recipes: Weights['recipes'],
): string {
  const type = bits === 4 ? 'uint4' : 'uint8';
  const name = b.declare(b.fresh('zeros'), { type: TYPES[type], dims });
  const length = Math.ceil((elementCount(dims) * bits) / 8);
  const data = new Uint8Array(length).fill(bits === 4 ? 0x88 : 0x80);
  const ref: WeightRef = { name: 'zero points', type, dims, byteLength: length, data };
  recipes.set(name, { type, make: () => ref });
  return name;
}

/** The matrix as an input whose bytes are computed while they are read. */
function matrixOnHost(b: Builder, node: Node, { recipes }: Weights): string {
  const [, stored = '', scales = '', zeros = ''] = node.inputs;
  const { n, k, block, bits } = formOf(node);
  const parameters = {
    rows: n,
    columns: k,
    block,
    bits,
    scales: b.type(scales),
    zeros: zeros === '' ? 0 : b.type(zeros),
  };
  const dims = [n, k];
  const type = 'float32';
  const name = b.declare(b.fresh('floats'), { type: DataType.float, dims });
  const make: WeightRecipe['make'] = (weights) => {
    const sources = [stored, scales, ...(zeros === '' ? [] : [zeros])].map((x) => weights.get(x));
    const [matrix] = sources;
    const bytes = sources.flatMap((source) => (source ? [source.data] : []));
    if (!matrix || bytes.length < sources.length) return null;
    const data = derive('blockwise-to-floats', bytes, matrix.name, parameters);
    return { name: matrix.name, type, dims, byteLength: data.length, data };
  };
  recipes.set(name, { type, make });
  return name;
}
