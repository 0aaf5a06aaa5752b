// What the linear products of a block do: query, key, value, output, gate, up, down. By data flow,
// since exports give their matrices names of their own.

import { EspalierError } from '../../../errors.ts';
import type { Node } from '../../../onnx/graph.ts';
import { intAttribute } from '../../../onnx/graph.ts';
import type { Structure } from '../../structure/structure.ts';
import { valueDims } from '../changedWeights.ts';
import { findWeight } from '../storedWeights.ts';
import { usesOf, type WeightUses } from '../weightUses.ts';
import type { ProductRole } from './families.ts';
import { type Columns, partsOf } from './split.ts';

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

interface ProductPart {
  role: ProductRole;
  /** Null where the product is several things, and which column belongs to which is not known. */
  columns: readonly [from: number, to: number] | null;
}

interface Product {
  node: Node;
  tensor: string;
  inputs: number;
  outputs: number;
}

/** A block with its products. */
interface Place {
  block: number;
  own: ReadonlySet<Node>;
}

/** Where a walk from a product arrives. */
interface Reach {
  /** Products that read what it computes. */
  next: Set<Node>;
  /** The block's part of the residual stream. */
  ends: boolean;
  /** Attention operators and products of two activations, with the operand that it becomes. */
  attention: { node: Node; slot: number }[];
  /** An activation function is on the way. */
  activated: boolean;
}

/** Operators that take query, key and value as their first three operands. */
const ATTENTION: ReadonlySet<string> = new Set([
  'GroupQueryAttention',
  'MultiHeadAttention',
  'Attention',
]);

const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'MatMulNBits', 'FusedMatMul']);

const ACTIVATIONS: ReadonlySet<string> = new Set([
  ...['Sigmoid', 'Tanh', 'Erf', 'Relu', 'Gelu', 'FastGelu', 'BiasGelu', 'QuickGelu', 'Silu'],
  ...['Swish', 'HardSwish', 'Elu', 'LeakyRelu', 'Softplus', 'Celu', 'Mish'],
]);

/**
 * The products of whole blocks, by block. @throws EspalierError `unsupported-graph` naming the
 * block whose products do not form one attention and one feed-forward.
 */
export function blockProducts(structure: Structure, blocks: readonly number[]): BlockProduct[][] {
  const finder = new ProductFinder(structure);
  return blocks.map((block) => finder.of(block));
}

/**
 * What each stored matrix of a block does, by block and name: "q", "qkv", "gate-up"; nothing for
 * blocks whose products cannot be told apart.
 */
export function productRoles(
  structure: Structure,
): ReadonlyMap<number | null, Map<string, string>> {
  const finder = new ProductFinder(structure);
  const found = new Map<number | null, Map<string, string>>();
  for (const { index } of structure.blocks) {
    try {
      const roles = finder
        .of(index)
        .map(({ tensor, parts }) => [tensor, parts.map(({ role }) => role)] as const);
      const nameOf = (all: readonly ProductRole[]): string =>
        all.every((role) => role.length === 1) ? all.join('') : all.join('-');
      found.set(index, new Map(roles.map(([tensor, all]) => [tensor, nameOf(all)])));
    } catch (error) {
      if (!(error instanceof EspalierError)) throw error;
    }
  }
  return found;
}

class ProductFinder {
  private readonly structure: Structure;
  private readonly uses: WeightUses;
  /** Value to the positions that read it. */
  private readonly readers = new Map<string, number[]>();

  constructor(structure: Structure) {
    this.structure = structure;
    this.uses = usesOf(structure);
    for (const [position, { inputs }] of structure.graph.nodes.entries())
      for (const value of new Set(inputs)) {
        const known = this.readers.get(value);
        if (known) known.push(position);
        else this.readers.set(value, [position]);
      }
  }

  of(block: number): BlockProduct[] {
    const refuse = (what: string): EspalierError =>
      new EspalierError(
        'unsupported-graph',
        `The linear products of block ${block} cannot be told apart: ${what}.`,
        'Export the healed model as an ONNX folder.',
      );
    if (this.structure.blocks[block]?.borrows != null)
      throw refuse('its attention reads the keys and values of another block');
    const products = this.productsOf(block);
    const at: Place = { block, own: new Set(products.map(({ node }) => node)) };
    const reach = new Map(products.map(({ node }) => [node, this.walk(node.outputs, at)]));
    const before = (end: Product): Product[] =>
      products.filter(({ node }) => reach.get(node)?.next.has(end.node));
    const ends = products.filter(({ node }) => reach.get(node)?.ends);
    const inner = products.filter((product) => !ends.includes(product));
    for (const { node } of ends)
      if (reach.get(node)?.next.size) throw refuse('a result is read by the next product as well');
    for (const { node, tensor } of inner)
      if (reach.get(node)?.next.size !== 1) throw refuse(`${tensor} does not lead to one product`);
    const isAttention = (end: Product): boolean =>
      before(end).some(({ node }) => (reach.get(node)?.attention.length ?? 0) > 0);
    const [attention, ...otherAttention] = ends.filter(isAttention);
    const [down, ...otherDown] = ends.filter((end) => !isAttention(end));
    if (!attention || !down || otherAttention.length > 0 || otherDown.length > 0)
      throw refuse(`${ends.length} of them lead to the residual stream`);
    if (before(attention).length + before(down).length !== inner.length)
      throw refuse('there are more than those of one attention and one feed-forward');
    return [
      ...this.attentionParts(before(attention), reach, at, refuse),
      single(attention, 'o'),
      ...this.feedForwardParts(before(down), down, reach, at, refuse),
      single(down, 'down'),
    ];
  }

  private attentionParts(
    inputs: readonly Product[],
    reach: ReadonlyMap<Node, Reach>,
    at: Place,
    refuse: (what: string) => EspalierError,
  ): BlockProduct[] {
    const [only, ...others] = inputs;
    if (only && others.length === 0)
      return [
        { ...product(only), parts: this.fusedParts(only, reach, at), heads: headsOf(only, reach) },
      ];
    const roles = inputs.map((input) => {
      const found = new Set(reach.get(input.node)?.attention.map((slot) => this.roleAt(slot)));
      const [role] = found;
      if (found.size !== 1 || !role)
        throw refuse(`what ${input.tensor} is for the attention is not clear`);
      return single(input, role);
    });
    if (
      roles
        .map(({ parts }) => parts[0]?.role)
        .sort()
        .join() !== 'k,q,v'
    )
      throw refuse('the attention has not one query, one key and one value');
    return roles;
  }

  /**
   * Where an operator takes all three in one operand, it has them one after the other; where they
   * are cut apart before it, each is what it becomes there.
   */
  private fusedParts(
    product: Product,
    reach: ReadonlyMap<Node, Reach>,
    at: Place,
  ): readonly ProductPart[] {
    const { outputs } = product;
    const roles = ['q', 'k', 'v'] as const;
    const [operator, ...others] = reach.get(product.node)?.attention ?? [];
    if (operator?.node.op === 'GroupQueryAttention' && !operator.node.inputs[1] && !others.length) {
      const heads = intAttribute(operator.node, 'num_heads') ?? 0;
      const groups = intAttribute(operator.node, 'kv_num_heads') ?? 0;
      const size = outputs / (heads + 2 * groups);
      const ends = [heads * size, (heads + groups) * size, outputs];
      return roles.map((role, k) => ({ role, columns: [ends[k - 1] ?? 0, ends[k]!] }));
    }
    const parts = this.cut(product, at)?.map(({ columns, value }) => {
      const found = new Set(this.walk([value], at).attention.map((slot) => this.roleAt(slot)));
      return { role: found.size === 1 ? [...found][0] : null, columns };
    });
    return parts
      ?.map(({ role }) => role)
      .sort()
      .join() === 'k,q,v'
      ? (parts as ProductPart[])
      : roles.map((role) => ({ role, columns: null }));
  }

  private feedForwardParts(
    inputs: readonly Product[],
    down: Product,
    reach: ReadonlyMap<Node, Reach>,
    at: Place,
    refuse: (what: string) => EspalierError,
  ): BlockProduct[] {
    const [first, second, ...others] = inputs;
    if (first && !second && first.outputs === 2 * down.inputs)
      return [{ ...product(first), parts: this.gatedParts(first, at), heads: null }];
    if (first && !second) return [single(first, 'up')];
    const gates = inputs.filter(({ node }) => reach.get(node)?.activated);
    if (others.length > 0 || gates.length !== 1)
      throw refuse('the feed-forward has not one gate and one other product');
    return inputs.map((input) => single(input, input === gates[0] ? 'gate' : 'up'));
  }

  /** Gate and up in one product, of twice the width that is read. */
  private gatedParts(fused: Product, at: Place): readonly ProductPart[] {
    const parts = this.cut(fused, at)?.map(({ columns, value }) => ({
      role: this.walk([value], at).activated ? ('gate' as const) : ('up' as const),
      columns,
    }));
    return parts
      ?.map(({ role }) => role)
      .sort()
      .join() === 'gate,up'
      ? parts
      : (['gate', 'up'] as const).map((role) => ({ role, columns: null }));
  }

  private cut({ node, outputs }: Product, { block }: Place): Columns[] | null {
    const { graph, region } = this.structure;
    const { nodes, initializers } = graph;
    return partsOf(node, outputs, { nodes, initializers, inputs: [], outputs: [] }, (value) =>
      (this.readers.get(value) ?? [])
        .filter((position) => region[position] === block + 1)
        .map((position) => nodes[position]!)
        .filter(({ op }) => op !== 'Shape'),
    );
  }

  private roleAt({ node, slot }: { node: Node; slot: number }): 'q' | 'k' | 'v' | null {
    if (ATTENTION.has(node.op)) return (['q', 'k', 'v'] as const)[slot] ?? null;
    // Written out: the scores go through a Softmax, and what multiplies its result is the value.
    const scores = this.leadsToSoftmax(node);
    if (scores) return slot === 0 ? 'q' : 'k';
    return slot === 1 ? 'v' : null;
  }

  private leadsToSoftmax(product: Node): boolean {
    const pending = [...product.outputs];
    const seen = new Set<string>();
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      if (seen.has(value)) continue;
      seen.add(value);
      for (const position of this.readers.get(value) ?? []) {
        const node = this.structure.graph.nodes[position]!;
        if (node.op === 'Softmax') return true;
        if (!PRODUCTS.has(node.op)) pending.push(...node.outputs);
      }
    }
    return false;
  }

  private productsOf(block: number): Product[] {
    const { graph, region, content } = this.structure;
    return graph.nodes.flatMap((node, position) => {
      if (region[position] !== block + 1 || !PRODUCTS.has(node.op)) return [];
      const tensor = this.uses.tensor(node.inputs[1] ?? '')?.name;
      if (tensor === undefined || !content.has(node.inputs[0] ?? '')) return [];
      const { weight } = findWeight(this.uses, { tensor, block });
      const [rows = 0, columns = 0] = valueDims(weight);
      const turned = weight.kind === 'float' && weight.order === 'in-out';
      const [inputs, outputs] = turned ? [rows, columns] : [columns, rows];
      return [{ node, tensor, inputs, outputs }];
    });
  }

  /** Walks forward within the block, up to the next products and the residual stream. */
  private walk(from: readonly string[], { block, own }: Place): Reach {
    const { graph, region, blocks, content } = this.structure;
    const { mid, output } = blocks[block]!;
    const reach: Reach = { next: new Set(), ends: false, attention: [], activated: false };
    // What is computed before and after the attention: its operand says what the product is.
    const pending = from.map((value) => ({ value, attended: false }));
    const seen = new Set<string>();
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const { value, attended } = at;
      if (value === '' || seen.has(`${value} ${attended}`)) continue;
      seen.add(`${value} ${attended}`);
      if (value === mid || value === output) {
        reach.ends = true;
        continue;
      }
      for (const position of this.readers.get(value) ?? []) {
        const node = graph.nodes[position]!;
        if (region[position] !== block + 1) continue;
        if (own.has(node)) {
          reach.next.add(node);
          continue;
        }
        const dynamic =
          ATTENTION.has(node.op) ||
          (PRODUCTS.has(node.op) && node.inputs.slice(0, 2).every((x) => content.has(x)));
        if (dynamic && !attended)
          for (const [slot, x] of node.inputs.entries())
            if (x === value) reach.attention.push({ node, slot });
        if (ACTIVATIONS.has(node.op)) reach.activated = true;
        // What depends on sizes alone is no way of the activations.
        for (const x of node.outputs)
          if (content.has(x)) pending.push({ value: x, attended: attended || dynamic });
      }
    }
    return reach;
  }
}

const product = ({ tensor, inputs, outputs }: Product) => ({ tensor, inputs, outputs });

const single = (of: Product, role: ProductRole): BlockProduct => ({
  ...product(of),
  parts: [{ role, columns: [0, of.outputs] }],
  heads: null,
});

/** Heads of the attention that a product leads to, where queries, keys and values have as many. */
function headsOf({ node }: Product, reach: ReadonlyMap<Node, Reach>): number | null {
  const [operator] = reach.get(node)?.attention ?? [];
  if (!operator || !ATTENTION.has(operator.node.op)) return null;
  const heads = intAttribute(operator.node, 'num_heads');
  const groups = intAttribute(operator.node, 'kv_num_heads') ?? heads;
  return heads === groups ? (heads ?? null) : null;
}
