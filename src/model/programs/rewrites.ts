// Rewrites of a subgraph: operators that a device lacks or runs badly are replaced by equivalent
// ones. Each returns how many nodes it replaced, so that applied rewrites can be reported.

import { EspalierError } from '../../errors.ts';
import type { Attribute, Node, Tensor } from '../../onnx/graph.ts';
import { DataType, floatAttribute, intAttribute } from '../../onnx/graph.ts';
import type { Subgraph } from './subgraph.ts';
import { constantTensor, copyNode, trimSubgraph } from './subgraph.ts';
import { SMALL } from './weights.ts';
import { trimTail } from './withoutCaches.ts';

/**
 * A new node named after its first output. Attributes are plain values: integers and lists of
 * integers as they are, floats as `{ float }`.
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

/** A one-dimensional int64 constant. */
export function int64Tensor(name: string, values: readonly number[]): Tensor {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  values.forEach((v, k) => {
    view.setBigInt64(k * 8, BigInt(v), true);
  });
  return { name, type: DataType.int64, dims: [values.length], data: new Uint8Array(view.buffer) };
}

/** Adds an int64 constant to a subgraph and returns its name. */
export function addInts(subgraph: Subgraph, name: string, values: readonly number[]): string {
  subgraph.initializers.set(name, int64Tensor(name, values));
  return name;
}

/** Replaces nodes for which `replace` returns a list, null meaning "keep"; returns how many. */
function rewrite(subgraph: Subgraph, replace: (node: Node) => Node[] | null): number {
  let count = 0;
  subgraph.nodes = subgraph.nodes.flatMap((node) => {
    const replacement = replace(node);
    if (!replacement) return [node];
    count++;
    return replacement;
  });
  if (count > 0) trimSubgraph(subgraph);
  return count;
}

/**
 * Replaces Where(IsNaN(s), 0, s) after a Softmax by Where(s >= 0, s, 0), since IsNaN has no WebGPU
 * kernel. A softmax is never negative and a comparison with NaN is false, so both give the same
 * bits, fully masked rows (NaN) included.
 */
export function replaceIsNaN(subgraph: Subgraph): number {
  const producer = producers(subgraph);
  const fromSoftmax = (value: string): boolean => {
    const node = producer.get(value);
    if (node?.op === 'Cast' || node?.op === 'Identity') return fromSoftmax(node.inputs[0] ?? '');
    return node?.op === 'Softmax';
  };
  return rewrite(subgraph, (node) => {
    if (node.op !== 'Where') return null;
    const [condition = '', zero = '', score = ''] = node.inputs;
    const test = producer.get(condition);
    if (
      test?.op !== 'IsNaN' ||
      test.inputs[0] !== score ||
      !fromSoftmax(score) ||
      !isZero(subgraph, zero)
    )
      return null;
    const positive = `${node.outputs[0]}/is_number`;
    return [
      makeNode('GreaterOrEqual', [score, zero], [positive]),
      { ...copyNode(node), inputs: [positive, score, zero] },
    ];
  });
}

function isZero(subgraph: Subgraph, value: string): boolean {
  const tensor = constantTensor(subgraph, value);
  return (
    tensor !== null &&
    tensor.data instanceof Uint8Array &&
    tensor.dims.every((d) => d === 1) &&
    tensor.data.every((byte) => byte === 0)
  );
}

function producers(subgraph: Subgraph): Map<string, Node> {
  return new Map(
    subgraph.nodes.flatMap((node) => node.outputs.map((value): [string, Node] => [value, node])),
  );
}

/**
 * Takes the q_norm and k_norm of GroupQueryAttention (inputs 14 and 15, which only the WebGPU and
 * CUDA kernels know) out of the operator: explicit norms over the head size before it, as exporters
 * write them for the CPU.
 * @throws EspalierError `unsupported-op` when the norm weights are computed in the graph and the
 *   head size is therefore unknown.
 */
export function expandHeadNorms(subgraph: Subgraph): number {
  return rewrite(subgraph, (node) => {
    if (node.op !== 'GroupQueryAttention' || !node.inputs[14]) return null;
    const epsilon = [...node.attributes.keys()].find((name) => name.includes('epsilon'));
    const eps = (epsilon && floatAttribute(node, epsilon)) || 1e-6;
    const heads = [intAttribute(node, 'num_heads') ?? 1, intAttribute(node, 'kv_num_heads') ?? 1];
    const attention = copyNode(node);
    const added = attention.inputs[1] ? [] : [splitPacked(subgraph, attention, heads)];
    for (const slot of [0, 1]) {
      const gamma = attention.inputs[14 + slot];
      if (!gamma) continue;
      const at = `${node.outputs[0]}/norm${slot}`;
      const count = heads[slot] ?? 1;
      // Sizes are written out where known: ONNX Runtime's shape inference resolves -1 wrongly when
      // the batch size is symbolic.
      const size = subgraph.initializers.get(gamma)?.dims[0];
      const byHead = addInts(subgraph, `${at}/by_head`, [0, 0, count, size ?? -1]);
      const packed = addInts(subgraph, `${at}/packed`, [0, 0, size ? size * count : -1]);
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
 * Splits packed query, key and value, (B, S, (heads + 2 kv heads) x head size), into three
 * operands.
 */
function splitPacked(subgraph: Subgraph, attention: Node, heads: readonly number[]): Node {
  const headSize = subgraph.initializers.get(attention.inputs[14] ?? '')?.dims[0];
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
  const sizes = addInts(subgraph, `${at}/sizes`, [
    query * headSize,
    keys * headSize,
    keys * headSize,
  ]);
  const parts = [`${at}/q`, `${at}/k`, `${at}/v`];
  const node = makeNode('Split', [attention.inputs[0] ?? '', sizes], parts, { axis: -1 });
  attention.inputs.splice(0, 3, ...parts);
  return node;
}

/**
 * Sets accuracy_level of MatMulNBits to 0, which computes with float activations. Level 4 rounds
 * them to int8, too coarse for scores.
 */
export function exactQuantisedMatMul(subgraph: Subgraph): number {
  return rewrite(subgraph, (node) => {
    if (node.op !== 'MatMulNBits' || (intAttribute(node, 'accuracy_level') ?? 0) < 2) return null;
    const copy = copyNode(node);
    copy.attributes.set('accuracy_level', { name: 'accuracy_level', kind: 'int', value: 0 });
    return [copy];
  });
}

/**
 * Replaces MatMul(x, Transpose(W)), a tied head, by Reshape, Gemm(transB = 1), Reshape, so that the
 * table is not transposed on every run and lookup and head share one buffer.
 * Shapes: x (..., C), W (V, C) -> (..., V).
 */
export function foldTransposedWeights(subgraph: Subgraph): number {
  const producer = producers(subgraph);
  return rewrite(subgraph, (node) => {
    const transpose = producer.get(node.inputs[1] ?? '');
    const weight = subgraph.initializers.get(transpose?.inputs[0] ?? '');
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
      addInts(subgraph, `${at}/rows`, [-1, c]),
      addInts(subgraph, `${at}/zero`, [0]),
      addInts(subgraph, `${at}/last`, [-1]),
      addInts(subgraph, `${at}/width`, [v]),
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
 * Replaces Gather(Transpose(W), ids), W (C, V), by Gather(W, ids, axis = 1), (C, B, S), and a
 * Transpose to (B, S, C), so that the table of a tied head in (C, V) order is not transposed on
 * every run.
 * @param ids name of the token ids, (B, S).
 */
export function foldTransposedLookup(subgraph: Subgraph, ids: string): number {
  const producer = producers(subgraph);
  return rewrite(subgraph, (node) => {
    const transpose = producer.get(node.inputs[0] ?? '');
    const weight = subgraph.initializers.get(transpose?.inputs[0] ?? '');
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

/** True for a Transpose of two axes that swaps them; one with perm [0, 1] does nothing. */
function swapsAxes(node: Node | undefined): node is Node {
  if (node?.op !== 'Transpose') return false;
  const perm = node.attributes.get('perm');
  return perm === undefined || (perm.kind === 'ints' && perm.value.join() === '1,0');
}

/**
 * The largest softcap of the GroupQueryAttention nodes, 0 when there is none. The WebGPU kernel
 * ignores the attribute without an error.
 */
export function softcapOf(subgraph: Subgraph): number {
  const caps = subgraph.nodes
    .filter((node) => node.op === 'GroupQueryAttention')
    .map((node) => Math.abs(floatAttribute(node, 'softcap') ?? 0));
  return Math.max(0, ...caps);
}
