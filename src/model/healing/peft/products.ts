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
import {
  ACTIVATIONS,
  ATTENTION,
  type BlockProduct,
  BORROWED,
  FED,
  headsOf,
  type Place,
  PRODUCTS,
  type Product,
  type ProductPart,
  product,
  type Reach,
  refusal,
  single,
} from './product.ts';
import { type Columns, partsOf } from './split.ts';

/**
 * The products of whole blocks, by block. @throws EspalierError `unsupported-graph` naming the
 * block whose products do not form one attention and one feed-forward.
 */
export function blockProducts(structure: Structure, blocks: readonly number[]): BlockProduct[][] {
  const finder = new ProductFinder(structure);
  return blocks.map((block) => finder.of(block));
}

/** The products of both halves of a block; in place of those that cannot be told apart, why. */
export interface BlockHalves {
  attention: BlockProduct[] | EspalierError;
  feedForward: BlockProduct[] | EspalierError;
}

/** By block. Reads no weights. */
export function productHalves(structure: Structure): BlockHalves[] {
  const finder = new ProductFinder(structure);
  return structure.blocks.map(({ index }) => finder.halves(index));
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
    const refuse = refusal(block);
    if (this.structure.blocks[block]?.borrows != null) throw refuse(BORROWED);
    const { at, products, reach, before, ends, isAttention } = this.reached(block);
    const inner = products.filter((product) => !ends.includes(product));
    for (const { node } of ends)
      if (reach.get(node)?.next.size) throw refuse('a result is read by the next product as well');
    for (const { node, tensor } of inner)
      if (reach.get(node)?.next.size !== 1) throw refuse(`${tensor} does not lead to one product`);
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

  /** Each half for itself: beside experts and convolutions the other one may be clear. */
  halves(block: number): BlockHalves {
    const refuse = refusal(block);
    const attempt = (half: () => BlockProduct[]): BlockProduct[] | EspalierError => {
      try {
        return half();
      } catch (error) {
        if (error instanceof EspalierError) return error;
        throw error;
      }
    };
    const whole = attempt(() => this.of(block));
    if (Array.isArray(whole)) {
      const isOf = (roles: string) => (product: BlockProduct) =>
        product.parts.every(({ role }) => roles.includes(role));
      return { attention: whole.filter(isOf('qkvo')), feedForward: whole.filter(isOf(FED)) };
    }
    const { mid, output, borrows } = this.structure.blocks[block]!;
    const found = this.reached(block);
    const { at, products, reach, before, ends, isAttention } = found;
    const alone = (end: Product | undefined, others: readonly Product[]): Product[] => {
      if (!end) throw refuse('none of those with stored floats or blocks of integers is its last');
      if (others.length > 0) throw refuse('several of them lead to the residual stream');
      const inputs = before(end);
      const clear = inputs.every(({ node }) => reach.get(node)?.next.size === 1);
      if (!clear || reach.get(end.node)?.next.size !== 0)
        throw refuse('they do not lead to one product');
      return inputs;
    };
    const [last, ...more] = ends.filter(isAttention);
    return {
      attention: attempt(() => {
        if (borrows != null) throw refuse(BORROWED);
        const inputs = alone(last, more);
        return [...this.attentionParts(inputs, reach, at, refuse), single(last!, 'o')];
      }),
      feedForward: attempt(() => {
        const own = ends.filter((end) => !isAttention(end) && reach.get(end.node)?.end === output);
        const [down, ...others] = own;
        const inputs = alone(down, others);
        // What else there is mixes into the feed-forward, unless it comes before it.
        const known = new Set([...inputs, down]);
        const rest = products.filter((product) => !known.has(product));
        const leadsTo = (product: Product): boolean =>
          mid === null || reach.get(product.node)?.end === output;
        const attended = new Set([...(last ? before(last) : []), last]);
        if (rest.some((one) => !attended.has(one) && leadsTo(one)) || this.hasExperts(block))
          throw refuse('there are more than those of one feed-forward');
        return [...this.feedForwardParts(inputs, down!, reach, at, refuse), single(down!, 'down')];
      }),
    };
  }

  private hasExperts(block: number): boolean {
    const { graph, region } = this.structure;
    return graph.nodes.some(
      ({ op }, position) => region[position] === block + 1 && /MoE$|^TopK$/.test(op),
    );
  }

  /** The products of a block, and where each leads. */
  private reached(block: number) {
    const products = this.productsOf(block);
    const at: Place = { block, own: new Set(products.map(({ node }) => node)) };
    const reach = new Map(products.map(({ node }) => [node, this.walk(node.outputs, at)]));
    const before = (end: Product): Product[] =>
      products.filter(({ node }) => reach.get(node)?.next.has(end.node));
    const ends = products.filter(({ node }) => reach.get(node)?.end);
    const isAttention = (end: Product): boolean =>
      before(end).some(({ node }) => (reach.get(node)?.attention.length ?? 0) > 0);
    return { at, products, reach, before, ends, isAttention };
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
      const turned = weight.kind !== 'blockwise' && weight.order === 'in-out';
      const [inputs, outputs] = turned ? [rows, columns] : [columns, rows];
      return [{ node, tensor, inputs, outputs }];
    });
  }

  /** Walks forward within the block, up to the next products and the residual stream. */
  private walk(from: readonly string[], { block, own }: Place): Reach {
    const { graph, region, blocks, content } = this.structure;
    const { mid, output } = blocks[block]!;
    const reach: Reach = { next: new Set(), end: null, attention: [], activated: false };
    // What is computed before and after the attention: its operand says what the product is.
    const pending = from.map((value) => ({ value, attended: false }));
    const seen = new Set<string>();
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const { value, attended } = at;
      if (value === '' || seen.has(`${value} ${attended}`)) continue;
      seen.add(`${value} ${attended}`);
      if (value === mid || value === output) {
        reach.end = value;
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
