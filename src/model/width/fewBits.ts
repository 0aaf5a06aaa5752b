// Matrices of MatMulNBits without some of their outputs or inputs: the integers that stay; rounded
// again where a block of inputs with one scale loses some of them, and not all.

import { EspalierError } from '../../errors.ts';
import { DataType, intAttribute, type Node, type Tensor } from '../../onnx/graph.ts';
import { type BlockwiseWeight, changedValues, quantisedAgain } from '../healing/changedWeights.ts';
import { taken } from './taken.ts';
import { keptPositions, type Owners } from './trace/label.ts';

/** What is said of a matrix by its node. */
interface Matrix {
  outputs: number;
  inputs: number;
  block: number;
  bits: number;
  blocks: number;
}

function matrixOf(node: Node): Matrix {
  const number = (name: string): number => intAttribute(node, name) ?? 0;
  const [inputs, block] = [number('K'), number('block_size')];
  const bits = intAttribute(node, 'bits') ?? 4;
  return { outputs: number('N'), inputs, block, bits, blocks: Math.ceil(inputs / block) };
}

/**
 * The integers, scales and zero points of a node that are left.
 * @param stored those there are, in this order; null for what the graph computes
 * @throws EspalierError `unsupported-graph`
 * @source onnxruntime/docs/ContribOperators.md, com.microsoft.MatMulNBits
 */
export function cutFewBits(
  node: Node,
  stored: readonly (Tensor | null)[],
  along: 'N' | 'K',
  owners: Owners,
  gone: ReadonlySet<number>,
): Tensor[] {
  const tensors = stored.map((tensor) => {
    if (tensor) return tensor;
    throw new EspalierError(
      'unsupported-graph',
      `The matrix of ${node.name || node.outputs[0]} cannot be made narrower: its scales are ` +
        'computed while the graph runs.',
      'Use a float32 or float16 export of the model.',
    );
  });
  const matrix = matrixOf(node);
  const kept = keptPositions(owners, gone);
  if (along === 'N') return tensors.map((tensor) => withoutOutputs(tensor, matrix, kept));
  const blocks = keptBlocks(owners, gone, matrix.block);
  return blocks
    ? tensors.map((tensor, k) => withoutBlocks(tensor, matrix, blocks, k === 2))
    : roundedAgain(tensors, matrix, kept);
}

/** True where a matrix is rounded again: blocks of its inputs lose some of them, and not all. */
export function isRoundedAgain(node: Node, owners: Owners, gone: ReadonlySet<number>): boolean {
  return keptBlocks(owners, gone, matrixOf(node).block) === null;
}

function withoutOutputs(tensor: Tensor, { outputs }: Matrix, kept: readonly number[]): Tensor {
  const { name, data, dims } = tensor;
  const form = { outer: 1, positions: outputs, bits: (data.length * 8) / outputs };
  const [whole = 0, ...rest] = dims;
  const left = [(whole / outputs) * kept.length, ...rest];
  return { ...tensor, dims: left, data: taken(data, form, kept, name) };
}

function withoutBlocks(
  tensor: Tensor,
  matrix: Matrix,
  kept: readonly number[],
  zeros: boolean,
): Tensor {
  const { name, type, data } = tensor;
  const { outputs, blocks, bits } = matrix;
  const each = zeros && type === DataType.uint8 ? bits : (data.length * 8) / outputs / blocks;
  const form = { outer: outputs, positions: blocks, bits: each };
  const dims = dimsWith(tensor, matrix, kept.length);
  return { ...tensor, dims, data: taken(data, form, kept, name) };
}

/** Blocks of inputs that stay, where each stays or goes whole; otherwise null. */
function keptBlocks(owners: Owners, gone: ReadonlySet<number>, block: number): number[] | null {
  const kept: number[] = [];
  for (let from = 0; from < owners.length; from += block) {
    const own = owners.subarray(from, from + block);
    const stay = own.filter((owner) => !gone.has(owner)).length;
    if (stay > 0 && stay < own.length) return null;
    if (stay > 0) kept.push(from / block);
  }
  return kept;
}

function roundedAgain(
  [integers, scales, zeros]: readonly Tensor[],
  matrix: Matrix,
  kept: readonly number[],
): Tensor[] {
  if (!integers || !scales) throw new EspalierError('bug', 'A few-bit matrix has no scales.');
  const { outputs, inputs, block, bits } = matrix;
  const weight: BlockwiseWeight = {
    ...{ kind: 'blockwise', name: integers.name, data: integers.data },
    ...{ outputs, inputs, block, bits, scales, zeros: zeros ?? null },
  };
  const form = { outer: outputs, positions: inputs, bits: 32 };
  const values = taken(changedValues(weight, []), form, kept, integers.name);
  const now = quantisedAgain({ ...weight, inputs: kept.length }, values);
  const count = Math.ceil(kept.length / block);
  const parts = [
    { tensor: integers, data: now.data },
    { tensor: scales, data: now.scales },
    ...(zeros && now.zeros ? [{ tensor: zeros, data: now.zeros }] : []),
  ];
  return parts.map(({ tensor, data }) => ({
    ...tensor,
    dims: dimsWith(tensor, matrix, count),
    data,
  }));
}

/** Dims with so many blocks, which may be flat; of zero points that are packed, in bytes. */
function dimsWith(
  { type, dims }: Tensor,
  { outputs, blocks, bits }: Matrix,
  left: number,
): number[] {
  const packed = (count: number): number => Math.ceil((count * bits) / 8);
  const [first = 0, second, ...rest] = dims;
  const row = second ?? first / outputs;
  const isPacked = rest.length === 0 && type === DataType.uint8 && row === packed(blocks);
  const now = isPacked ? packed(left) : left;
  return second === undefined ? [outputs * now] : [first, now, ...rest];
}
