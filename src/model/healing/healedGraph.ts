// A graph with changed weights. What reads a changed weight in another place keeps the stored one:
// the weight is then there twice.

import { derive, keyOf } from '../../onnx/bytes.ts';
import { type Attribute, DataType, type Graph, type Node, type Tensor } from '../../onnx/graph.ts';
import type { Bytes } from '../../onnx/source.ts';
import {
  type BlockwiseWeight,
  changedFloat,
  changedQuantised,
  changedValues,
  type LinearWeight,
} from './changedWeights.ts';
import {
  type FoundWeight,
  findWeight,
  readersOf,
  unsupported,
  type WeightChanges,
} from './storedWeights.ts';
import { type BlockOf, isPassing, type WeightUse, weightUses } from './weightUses.ts';

/** What becomes of changed matrices that are stored in blocks of integers. */
export type HealedQuantised = 'again' | 'float';

export interface HealedGraph {
  graph: Graph;
  /**
   * Nodes of the graph that are not those of the given one, and the node that each stands for or
   * was made beside.
   */
  origins: ReadonlyMap<Node, Node>;
}

/**
 * The graph with the changes of weights that it still has; those of weights that nothing reads in
 * their place any more are left out. Weights of the given graph that nothing reads any more stay.
 * @param blockOf the block of a node, as the changes number them
 * @throws EspalierError as `findWeight` and `changedFloat`
 */
export function healedGraph(
  graph: Graph,
  blockOf: BlockOf,
  changes: readonly WeightChanges[],
  quantised: HealedQuantised,
): HealedGraph {
  const rewriter = new Rewriter(graph);
  const uses = weightUses(graph, blockOf);
  for (const { tensor, block, changes: own } of changes) {
    if (!readersOf(uses, tensor, block)) continue;
    const found = findWeight(uses, { tensor, block });
    const { weight } = found;
    if (weight.kind === 'float')
      rewriter.replace(found.weight.name, found, {
        type: weight.type,
        dims: weight.dims,
        data: changedFloat(weight, own),
      });
    else if (quantised === 'again') {
      if (weight.kind === 'linear' && found.others.length > 0)
        throw unsupported(weight.name, 'its integers are read elsewhere too');
      const { data, scales, zeros } = changedQuantised(weight, own);
      const part = (name: string, bytes: Bytes): void => {
        const readers = uses.of(name);
        const isOwn = (use: WeightUse): boolean =>
          found.uses.some(({ node, floats }) => node === use.node || floats === use.node);
        const { type, dims } = uses.tensor(name)!;
        rewriter.replace(
          name,
          { uses: readers.filter(isOwn), others: readers.filter((use) => !isOwn(use)), block },
          { type, dims, data: bytes },
        );
      };
      part(weight.name, data);
      part(weight.scales.name, scales);
      if (weight.zeros && zeros) part(weight.zeros.name, zeros);
    } else if (weight.kind === 'linear')
      rewriter.afterScales(found, weight, changedValues(weight, own));
    else rewriter.inFloat(found, weight, changedValues(weight, own));
  }
  return rewriter.result();
}

type Readers = Pick<FoundWeight, 'block' | 'others'> & { uses: readonly WeightUse[] };

class Rewriter {
  private readonly source: Graph;
  private readonly initializers: Map<string, Tensor>;
  private readonly names: Set<string>;
  /** Node of the source to what stands in its place now. */
  private readonly nodes: Map<Node, Node[]>;

  constructor(source: Graph) {
    this.source = source;
    this.initializers = new Map(source.initializers);
    this.nodes = new Map(source.nodes.map((node) => [node, [node]]));
    this.names = new Set([
      ...source.initializers.keys(),
      ...source.inputs.map(({ name }) => name),
      ...source.nodes.flatMap(({ outputs }) => outputs),
    ]);
  }

  result(): HealedGraph {
    const origins = new Map<Node, Node>();
    for (const [origin, nodes] of this.nodes)
      for (const node of nodes) if (node !== origin) origins.set(node, origin);
    const nodes = this.source.nodes.flatMap((node) => this.nodes.get(node)!);
    return { graph: { ...this.source, nodes, initializers: this.initializers }, origins };
  }

  /** Another tensor for these readers of a stored one. */
  replace(name: string, readers: Readers, tensor: Omit<Tensor, 'name'>): void {
    // The tensor of a Constant node becomes an initializer, which needs a name of its own.
    if (readers.others.length === 0 && this.source.initializers.has(name)) {
      this.initializers.set(name, { ...tensor, name });
      return;
    }
    const fresh = this.unique(`${name}.healed`, readers.block);
    this.initializers.set(fresh, { ...tensor, name: fresh });
    this.redirect(name, fresh, new Set(readers.uses.map(({ node }) => node)), readers.block);
  }

  /** Floats in place of what a DequantizeLinear makes. */
  afterScales({ uses, block }: FoundWeight, weight: LinearWeight, values: Bytes): void {
    const { name, rows, columns, scales } = weight;
    const half = scales.type === DataType.float16;
    const data = half ? derive('float32-to-float16', [values], name) : values;
    const type = half ? DataType.float16 : DataType.float;
    const fresh = this.unique(`${name}.healed`, block);
    this.initializers.set(fresh, {
      name: fresh,
      type,
      dims: [rows, columns],
      data: outside(data, name),
    });
    const readers = new Set(uses.map(({ node }) => node));
    for (const made of new Set(uses.flatMap(({ floats }) => floats?.outputs[0] ?? [])))
      this.redirect(made, fresh, readers, block);
  }

  /** A MatMulNBits as a MatMul with its matrix (inputs, outputs) in the type of its scales. */
  inFloat({ uses, others, block }: FoundWeight, weight: BlockwiseWeight, values: Bytes): void {
    const { name, outputs, inputs, scales } = weight;
    const turned = derive('transposed', [values], name, { rows: outputs, columns: inputs });
    const half = scales.type === DataType.float16;
    const data = half ? derive('float32-to-float16', [turned], name) : turned;
    const matrix = others.length === 0 ? name : this.unique(`${name}.healed`, block);
    const type = half ? DataType.float16 : DataType.float;
    this.initializers.set(matrix, { name: matrix, type, dims: [inputs, outputs], data });
    for (const { node } of uses) {
      const [x = '', , , , , bias = ''] = node.inputs;
      const [y = ''] = node.outputs;
      const product = bias === '' ? y : this.unique(`${y}.product`, block);
      const plain = (op: string, given: string[], made: string): Node => ({
        name: op === 'Add' ? `${node.name}/bias` : node.name,
        op,
        domain: '',
        inputs: given,
        outputs: [made],
        attributes: new Map<string, Attribute>(),
      });
      this.nodes.set(node, [
        plain('MatMul', [x, matrix], product),
        ...(bias === '' ? [] : [plain('Add', [product, bias], y)]),
      ]);
    }
  }

  /** Lets nodes read `to` in place of `from`; what rearranges it on the way is there twice. */
  private redirect(
    from: string,
    to: string,
    readers: ReadonlySet<Node>,
    block: number | null,
  ): void {
    const renamed = new Map([[from, to]]);
    const constants = new Set([from]);
    for (const node of this.source.nodes) {
      if (!node.inputs.some((value) => renamed.has(value))) continue;
      const edited = (one: Node): Node => ({
        ...one,
        inputs: one.inputs.map((value) => renamed.get(value) ?? value),
      });
      const now = this.nodes.get(node)!;
      if (readers.has(node)) this.nodes.set(node, now.map(edited));
      else if (isPassing(node, (value) => constants.has(value))) {
        const [value = ''] = node.outputs;
        const copy = this.unique(`${value}.healed`, block);
        renamed.set(value, copy);
        constants.add(value);
        const own = { ...edited(node), name: copy, outputs: [copy] };
        this.nodes.set(node, [...now, own]);
      }
    }
  }

  private unique(stem: string, block: number | null): string {
    const named = `${stem}.${block ?? 'head'}`;
    let name = named;
    for (let k = 1; this.names.has(name); k++) name = `${named}.${k}`;
    this.names.add(name);
    return name;
  }
}

/**
 * Copies of a decoder in one file share their weights: those of one name must be the same.
 * @throws EspalierError `unsupported-graph` naming a weight that is not
 */
export function requireAlike([first, ...more]: readonly Graph[]): void {
  for (const { initializers } of more)
    for (const [name, { data }] of initializers) {
      const other = first?.initializers.get(name);
      if (other && keyOf(other.data) !== keyOf(data))
        throw unsupported(name, 'the branches of the graph read it in different forms');
    }
}

/** Bytes in memory would be written into the graph file. */
function outside(data: Bytes, name: string): Bytes {
  return data instanceof Uint8Array ? derive('as-they-are', [data], name) : data;
}
