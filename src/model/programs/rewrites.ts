// Replaces operators that a device lacks, or runs badly, by equal ones inside a piece; every
// rewrite is counted so that it can be named.

import { EspalierError } from '../../errors.ts';
import type { Attribute, Node, Tensor } from '../../onnx/graph.ts';
import { DataType, floatAttribute, intAttribute } from '../../onnx/graph.ts';
import { trimTail } from './cutCaches.ts';
import type { Piece } from './cutPiece.ts';
import { constantTensor, copyNode, trimPiece } from './cutPiece.ts';
import { SMALL } from './weights.ts';

/**
 * A node of this piece; attributes by plain value: integers and lists of integers as such, `{ float
 * }` for floats.
 */
export function makeNode(
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Readonly<Record<string, number | readonly number[] | { float: number }>> = {},
  domain = '',
): Node {
  const map = new Map<string, Attribute>();
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'number') map.set(name, { name, kind: 'int', value });
    else if ('float' in value) map.set(name, { name, kind: 'float', value: value.float });
    else map.set(name, { name, kind: 'ints', value });
  }
  return { name: outputs[0] ?? '', op, domain, inputs, outputs, attributes: map };
}

/** An int64 constant; a list is 1-D. */
export function int64Tensor(name: string, values: readonly number[]): Tensor {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  values.forEach((v, k) => {
    view.setBigInt64(k * 8, BigInt(v), true);
  });
  return { name, type: DataType.int64, dims: [values.length], data: new Uint8Array(view.buffer) };
}

/** Adds an int64 constant to a piece and returns its name. */
export function addInts(piece: Piece, name: string, values: readonly number[]): string {
  piece.initializers.set(name, int64Tensor(name, values));
  return name;
}

/**
 * Replaces nodes one by one; `replace` gives null for "as it is". Returns how many were replaced.
 */
function rewrite(piece: Piece, replace: (node: Node) => Node[] | null): number {
  let count = 0;
  piece.nodes = piece.nodes.flatMap((node) => {
    const replacement = replace(node);
    if (!replacement) return [node];
    count++;
    return replacement;
  });
  if (count > 0) trimPiece(piece);
  return count;
}

/**
 * Where(IsNaN(s), 0, s) after a Softmax becomes Where(s >= 0, s, 0): IsNaN has no WebGPU kernel, a
 * softmax is never negative and a comparison with NaN is false, so both give the same bits, fully
 * masked rows included.
 */
export function replaceIsNaN(piece: Piece): number {
  const producer = producers(piece);
  const fromSoftmax = (value: string): boolean => {
    const node = producer.get(value);
    if (node?.op === 'Cast' || node?.op === 'Identity') return fromSoftmax(node.inputs[0] ?? '');
    return node?.op === 'Softmax';
  };
  return rewrite(piece, (node) => {
    if (node.op !== 'Where') return null;
    const [condition = '', zero = '', score = ''] = node.inputs;
    const test = producer.get(condition);
    if (
      test?.op !== 'IsNaN' ||
      test.inputs[0] !== score ||
      !fromSoftmax(score) ||
      !isZero(piece, zero)
    )
      return null;
    const positive = `${node.outputs[0]}/is_number`;
    return [
      makeNode('GreaterOrEqual', [score, zero], [positive]),
      { ...copyNode(node), inputs: [positive, score, zero] },
    ];
  });
}

function isZero(piece: Piece, value: string): boolean {
  const tensor = constantTensor(piece, value);
  return (
    tensor !== null &&
    tensor.data instanceof Uint8Array &&
    tensor.dims.every((d) => d === 1) &&
    tensor.data.every((byte) => byte === 0)
  );
}

function producers(piece: Piece): Map<string, Node> {
  return new Map(
    piece.nodes.flatMap((node) => node.outputs.map((value): [string, Node] => [value, node])),
  );
}

/**
 * GroupQueryAttention with q_norm and k_norm weights (operands 14 and 15, WebGPU and CUDA kernels
 * only) becomes explicit norms over the head size before it, as exporters write them for the CPU.
 * @throws EspalierError `unsupported-op` when the norm weights are computed in the graph, so that
 *   the head size is unknown.
 */
export function expandHeadNorms(piece: Piece): number {
  return rewrite(piece, (node) => {
    if (node.op !== 'GroupQueryAttention' || !node.inputs[14]) return null;
    const epsilon = [...node.attributes.keys()].find((name) => name.includes('epsilon'));
    const eps = (epsilon && floatAttribute(node, epsilon)) || 1e-6;
    const heads = [intAttribute(node, 'num_heads') ?? 1, intAttribute(node, 'kv_num_heads') ?? 1];
    const attention = copyNode(node);
    const added = attention.inputs[1] ? [] : [splitPacked(piece, attention, heads)];
    for (const slot of [0, 1]) {
      const gamma = attention.inputs[14 + slot];
      if (!gamma) continue;
      const at = `${node.outputs[0]}/norm${slot}`;
      const count = heads[slot] ?? 1;
      // Sizes in full where they are known: shape inference gets -1 wrong when the batch is
      // unknown.
      const size = piece.initializers.get(gamma)?.dims[0];
      const byHead = addInts(piece, `${at}/by_head`, [0, 0, count, size ?? -1]);
      const packed = addInts(piece, `${at}/packed`, [0, 0, size ? size * count : -1]);
      added.push(
        makeNode('Reshape', [attention.inputs[slot] ?? '', byHead], [`${at}/x`]),
        makeNode('SimplifiedLayerNormalization', [`${at}/x`, gamma], [`${at}/y`], {
          axis: -1,
          epsilon: { float: eps },
          stash_type: 1,
        }),
        makeNode('Reshape', [`${at}/y`, packed], [`${at}/out`]),
      );
      attention.inputs[slot] = `${at}/out`;
    }
    attention.inputs.length = 14;
    trimTail(attention.inputs);
    if (epsilon) attention.attributes.delete(epsilon);
    return [...added, attention];
  });
}

/**
 * Query, key and value in one operand, (B, S, (heads + 2 kv heads) x head size): three operands.
 */
function splitPacked(piece: Piece, attention: Node, heads: readonly number[]): Node {
  const headSize = piece.initializers.get(attention.inputs[14] ?? '')?.dims[0];
  if (!headSize) {
    throw new EspalierError(
      'unsupported-op',
      `The head norms of "${attention.name}" are computed in the graph, so they cannot be ` +
        'taken out of the attention operator.',
      'Score this model on WebGPU.',
    );
  }
  const [query = 1, keys = 1] = heads;
  const at = `${attention.outputs[0]}/split`;
  const sizes = addInts(piece, `${at}/sizes`, [query * headSize, keys * headSize, keys * headSize]);
  const parts = [`${at}/q`, `${at}/k`, `${at}/v`];
  const node = makeNode('Split', [attention.inputs[0] ?? '', sizes], parts, { axis: -1 });
  attention.inputs.splice(0, 3, ...parts);
  return node;
}

/**
 * MatMulNBits with accuracy_level 4 rounds activations to int8, which makes scores coarse: level 0
 * computes with the float activations.
 */
export function exactQuantisedMatMul(piece: Piece): number {
  return rewrite(piece, (node) => {
    if (node.op !== 'MatMulNBits' || (intAttribute(node, 'accuracy_level') ?? 0) < 2) return null;
    const copy = copyNode(node);
    copy.attributes.set('accuracy_level', { name: 'accuracy_level', kind: 'int', value: 0 });
    return [copy];
  });
}

/**
 * A product with a transposed table (a tied head) becomes Reshape, Gemm(transB = 1), Reshape: the
 * table is not transposed on every run, and lookup and head share one buffer. Shapes: x (..., C)
 * times W (V, C) transposed -> (..., V).
 */
export function foldTransposedWeights(piece: Piece): number {
  const producer = producers(piece);
  return rewrite(piece, (node) => {
    const transpose = producer.get(node.inputs[1] ?? '');
    const weight = piece.initializers.get(transpose?.inputs[0] ?? '');
    if (
      !swapsAxes(transpose) ||
      weight?.dims.length !== 2 ||
      (weight.dims[0] ?? 0) * (weight.dims[1] ?? 0) <= SMALL
    )
      return null;
    const table = transpose.inputs[0] as string;
    if (node.op === 'Gemm' && !intAttribute(node, 'transB')) {
      const gemm = copyNode(node);
      gemm.inputs[1] = table;
      gemm.attributes.set('transB', { name: 'transB', kind: 'int', value: 1 });
      return [gemm];
    }
    if (node.op !== 'MatMul') return null;
    const at = `${node.outputs[0]}/by_row`;
    const [v = 0, c = 0] = weight.dims;
    const x = node.inputs[0] as string;
    const constants = [
      addInts(piece, `${at}/rows`, [-1, c]),
      addInts(piece, `${at}/zero`, [0]),
      addInts(piece, `${at}/last`, [-1]),
      addInts(piece, `${at}/width`, [v]),
    ];
    const [rows = '', zero = '', last = '', width = ''] = constants;
    return [
      makeNode('Reshape', [x, rows], [`${at}/x`]),
      makeNode('Gemm', [`${at}/x`, table], [`${at}/y`], { transB: 1 }),
      makeNode('Shape', [x], [`${at}/shape`]),
      makeNode('Slice', [`${at}/shape`, zero, last], [`${at}/lead`]),
      makeNode('Concat', [`${at}/lead`, width], [`${at}/dims`], { axis: 0 }),
      makeNode('Reshape', [`${at}/y`, `${at}/dims`], [node.outputs[0] as string]),
    ];
  });
}

/**
 * A lookup in a transposed table, Gather(Transpose(W), ids) with W (C, V), reads the columns of W
 * instead: (C, B, S), then (B, S, C). The table of a tied head in (C, V) order is then not
 * transposed on every run.
 * @param ids the token ids of the graph, (B, S).
 */
export function foldTransposedLookup(piece: Piece, ids: string): number {
  const producer = producers(piece);
  return rewrite(piece, (node) => {
    const transpose = producer.get(node.inputs[0] ?? '');
    const weight = piece.initializers.get(transpose?.inputs[0] ?? '');
    if (node.op !== 'Gather' || node.inputs[1] !== ids || (intAttribute(node, 'axis') ?? 0) !== 0)
      return null;
    if (!swapsAxes(transpose) || weight?.dims.length !== 2) return null;
    const output = node.outputs[0] as string;
    const columns = `${output}/columns`;
    return [
      makeNode('Gather', [transpose.inputs[0] as string, ids], [columns], { axis: 1 }),
      makeNode('Transpose', [columns], [output], { perm: [1, 2, 0] }),
    ];
  });
}

/** True for a Transpose that swaps two axes; with the order [0, 1] it does nothing. */
function swapsAxes(node: Node | undefined): node is Node {
  if (node?.op !== 'Transpose') return false;
  const perm = node.attributes.get('perm');
  return perm === undefined || (perm.kind === 'ints' && perm.value.join() === '1,0');
}

/**
 * The largest soft cap of the piece's GroupQueryAttention nodes, 0 without one: the WebGPU kernel
 * ignores it without an error.
 */
export function softcapOf(piece: Piece): number {
  const caps = piece.nodes
    .filter((node) => node.op === 'GroupQueryAttention')
    .map((node) => Math.abs(floatAttribute(node, 'softcap') ?? 0));
  return Math.max(0, ...caps);
}
