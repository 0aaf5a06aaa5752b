// A linear product of a block, and where a walk from it arrives.

import { EspalierError } from '../../../errors.ts';
import { intAttribute, type Node } from '../../../onnx/graph.ts';
import type { ProductRole } from './families.ts';

/** A product with the columns of each thing that it computes. */
export interface BlockProduct {
  /** Name of the stored matrix. */
  tensor: string;
  inputs: number;
  outputs: number;
  /** Columns of each thing that it computes, in their order. */
  parts: readonly ProductPart[];
  /** Of query, key and value in one: the heads, where each has as many; otherwise null. */
  heads: number | null;
}

export interface ProductPart {
  role: ProductRole;
  /** Null where the product is several things, and which column belongs to which is not known. */
  columns: readonly [from: number, to: number] | null;
}

export interface Product {
  node: Node;
  tensor: string;
  inputs: number;
  outputs: number;
}

/** A block with its products. */
export interface Place {
  block: number;
  own: ReadonlySet<Node>;
}

/** Where a walk from a product arrives. */
export interface Reach {
  /** Products that read what it computes. */
  next: Set<Node>;
  /** The value of the residual stream within the block that it is a part of, or null. */
  end: string | null;
  /** Attention operators and products of two activations, with the operand that it becomes. */
  attention: { node: Node; slot: number }[];
  /** An activation function is on the way. */
  activated: boolean;
}

/** Operators that take query, key and value as their first three operands. */
export const ATTENTION: ReadonlySet<string> = new Set([
  'GroupQueryAttention',
  'MultiHeadAttention',
  'Attention',
]);

export const PRODUCTS: ReadonlySet<string> = new Set([
  'MatMul',
  'Gemm',
  'MatMulNBits',
  'FusedMatMul',
]);

export const ACTIVATIONS: ReadonlySet<string> = new Set([
  ...['Sigmoid', 'Tanh', 'Erf', 'Relu', 'Gelu', 'FastGelu', 'BiasGelu', 'QuickGelu', 'Silu'],
  ...['Swish', 'HardSwish', 'Elu', 'LeakyRelu', 'Softplus', 'Celu', 'Mish'],
]);

export const BORROWED = 'its attention reads the keys and values of another block';
export const FED = 'gate up down';

export const refusal =
  (block: number) =>
  (what: string): EspalierError =>
    new EspalierError(
      'unsupported-graph',
      `The linear products of block ${block} cannot be told apart: ${what}.`,
      'Export the healed model as an ONNX folder.',
    );

export const product = ({ tensor, inputs, outputs }: Product) => ({ tensor, inputs, outputs });

export const single = (of: Product, role: ProductRole): BlockProduct => ({
  ...product(of),
  parts: [{ role, columns: [0, of.outputs] }],
  heads: null,
});

/** Heads of the attention that a product leads to, where queries, keys and values have as many. */
export function headsOf({ node }: Product, reach: ReadonlyMap<Node, Reach>): number | null {
  const [operator] = reach.get(node)?.attention ?? [];
  if (!operator || !ATTENTION.has(operator.node.op)) return null;
  const heads = intAttribute(operator.node, 'num_heads');
  const groups = intAttribute(operator.node, 'kv_num_heads') ?? heads;
  return heads === groups ? (heads ?? null) : null;
}
