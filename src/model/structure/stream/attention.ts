// The attention operators of a graph, and which of them read keys and values that an earlier one
// made (shared caches, as Gemma 3n and Gemma 4 have them).

import { elementCount, type Graph, type Node } from '../../../onnx/graph.ts';

/** Operators that compute attention as a whole, and the Softmax of an attention written out. */
const ATTENTION_OPS: ReadonlySet<string> = new Set([
  'GroupQueryAttention',
  'MultiHeadAttention',
  'Attention',
  'Softmax',
  'PagedAttention',
  'DecoderMaskedMultiHeadAttention',
]);
export const PRODUCT_OPS: ReadonlySet<string> = new Set([
  'MatMul',
  'Gemm',
  'MatMulNBits',
  'MatMulInteger',
  'FusedMatMul',
  'Einsum',
]);
/** Operators that rearrange, repeat or store keys and values without computing new ones. */
const CARRYING_OPS: ReadonlySet<string> = new Set([
  'Transpose',
  'Reshape',
  'Expand',
  'Unsqueeze',
  'Squeeze',
  'Identity',
  'Cast',
  'Tile',
  'Concat',
  'ScatterND',
  'ScatterElements',
  'TensorScatter',
]);
/** Operators between the Softmax and the product with the values. */
const WEIGHT_OPS: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Where',
  'Dropout',
  'Slice',
  'IsNaN',
  'Mul',
]);
/** Most steps of a walk between operators of one attention. */
const MAX_STEPS = 40;

/** What is needed of a flow to find attention in it. */
export interface AttentionFlow {
  graph: Graph;
  nodes: readonly Node[];
  deps: readonly string[][];
  producer: ReadonlyMap<string, number>;
  content: ReadonlySet<string>;
  onPath: Uint8Array;
}

interface Attention {
  /** The values that its keys and values are rearranged from. */
  roots: readonly string[];
  /** Those, and every value between them and the operator. */
  carried: readonly string[];
  /** Keys and values that the operator gives out: present caches. */
  gives: readonly string[];
}

/** An attention that computes no keys and values: it reads those of an earlier one. */
export interface Borrowing {
  /** Position of the attention. */
  position: number;
  /** Position of the node that makes the first of its keys and values. */
  lender: number;
}

export interface SharedKeys {
  borrowings: Borrowing[];
  /** Keys and values of attentions that share them: they pass blocks by. */
  carried: ReadonlySet<string>;
}

/** True for the position of an attention operator on the path. */
export function isAttention(flow: AttentionFlow, position: number): boolean {
  const node = flow.nodes[position]!;
  return (
    flow.onPath[position] === 1 &&
    ATTENTION_OPS.has(node.op) &&
    (node.op !== 'Softmax' || scoresOf(flow, position) !== null)
  );
}

/** Attentions whose keys and values are all those of one that comes before. */
export function findSharedKeys(flow: AttentionFlow): SharedKeys {
  const owners = new Map<string, Attention>();
  const borrowings: Borrowing[] = [];
  const carried = new Set<string>();
  for (const [p] of flow.nodes.entries()) {
    if (!isAttention(flow, p)) continue;
    const attention = attentionAt(flow, p);
    const { roots } = attention;
    const known = roots.map((root) => owners.get(root));
    if (roots.length > 0 && known.every((owner) => owner !== undefined)) {
      const makers = roots.map((root) => flow.producer.get(root) ?? -1);
      borrowings.push({ position: p, lender: Math.max(...makers) });
      for (const value of attention.carried) carried.add(value);
      for (const owner of known) for (const x of owner.carried) carried.add(x);
      continue;
    }
    for (const value of [...roots, ...attention.gives])
      if (!owners.has(value)) owners.set(value, attention);
  }
  return { borrowings, carried };
}

function attentionAt(flow: AttentionFlow, position: number): Attention {
  const node = flow.nodes[position]!;
  const operands =
    node.op === 'Softmax'
      ? [scoresOf(flow, position)?.keys, valuesOf(flow, position)]
      : node.inputs.slice(1);
  const roots: string[] = [];
  const carried: string[] = [];
  for (const operand of operands) {
    if (operand === undefined || operand === '' || !flow.content.has(operand)) continue;
    const walk = carriedFrom(flow, operand);
    roots.push(walk.at(-1)!);
    carried.push(...walk);
  }
  const gives = node.op === 'Softmax' ? [] : node.outputs.slice(1).filter((x) => x !== '');
  return { roots, carried: [...carried, ...gives], gives };
}

/** From a value back to what it is rearranged from, both included. */
function carriedFrom(flow: AttentionFlow, value: string): string[] {
  const walk = [value];
  for (let at = value; walk.length < MAX_STEPS; ) {
    const p = flow.producer.get(at);
    const node = p === undefined ? undefined : flow.nodes[p];
    if (p === undefined || !node || !carries(flow, node)) break;
    const sources = [...new Set(flow.deps[p]!.filter((x) => flow.content.has(x)))];
    const [only, ...more] = sources;
    if (only === undefined || more.length > 0) break;
    walk.push(only);
    at = only;
  }
  return walk;
}

/** True for an operator that rearranges keys and values, or scales them by one number. */
function carries({ graph }: AttentionFlow, node: Node): boolean {
  if (CARRYING_OPS.has(node.op)) return true;
  if (node.op !== 'Mul' && node.op !== 'Div') return false;
  return node.inputs.every((x) => {
    const tensor = graph.initializers.get(x);
    return tensor === undefined || elementCount(tensor.dims) === 1;
  });
}

/**
 * The product of queries and keys that a Softmax reads, or null when it is no attention: scores
 * are the product of two activations, while a router multiplies by a weight.
 */
function scoresOf(flow: AttentionFlow, position: number): { keys: string } | null {
  let value = flow.nodes[position]!.inputs[0] ?? '';
  for (let step = 0; step < MAX_STEPS; step++) {
    const p = flow.producer.get(value);
    if (p === undefined) return null;
    const n = flow.nodes[p]!;
    if (n.op === 'TopK') return null;
    if (PRODUCT_OPS.has(n.op))
      return n.inputs.slice(0, 2).every((x) => flow.content.has(x))
        ? { keys: n.inputs[1] ?? '' }
        : null;
    const next = flow.deps[p]!.find((x) => flow.content.has(x));
    if (next === undefined) return null;
    value = next;
  }
  return null;
}

/** The other operand of the product that reads the weights of a Softmax. */
function valuesOf(flow: AttentionFlow, position: number): string | undefined {
  const weights = new Set(flow.nodes[position]!.outputs);
  const end = Math.min(flow.nodes.length, position + MAX_STEPS * 10);
  for (let p = position + 1; p < end; p++) {
    const node = flow.nodes[p]!;
    if (!flow.deps[p]!.some((x) => weights.has(x))) continue;
    if (PRODUCT_OPS.has(node.op))
      return node.inputs.slice(0, 2).find((x) => !weights.has(x) && flow.content.has(x));
    if (WEIGHT_OPS.has(node.op)) for (const x of node.outputs) weights.add(x);
  }
  return undefined;
}
