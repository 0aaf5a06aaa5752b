// Which nodes of a block run on positions, and which on ordinary rows.

import { dependencies, subgraphs } from '../../../onnx/captures.ts';
import type { Graph, Node } from '../../../onnx/graph.ts';
import type { Subgraph } from '../subgraph.ts';
import type { Layout } from './gathers.ts';
import { isExperts, joinsRows, type Known, outputLayout, shapeOf } from './positionwise.ts';
import { Widths } from './widths.ts';

/**
 * What a value is: computed from weights alone (`constant`); from sizes, masks and rotary tables,
 * never from the residual stream (`side`); from the stream, on ordinary rows (`rows`), or on
 * positions in a layout.
 */
type Place = 'constant' | 'side' | 'rows' | Layout;

const SIZES: ReadonlySet<string> = new Set(['Shape', 'Size']);

/** Names of the inputs of a block. */
export interface BlockInputs {
  residual: string;
  weights: ReadonlySet<string>;
  /** Elements of a position in the residual stream. */
  width: number;
}

/**
 * Where the nodes of a block run, and where its values lie. On positions runs what treats them
 * alike: all of it before something mixes them, and behind it what joins the residual stream and
 * what leads there without mixing them again.
 */
export class Places implements Known {
  readonly graph: Subgraph;
  private readonly places = new Map<string, Place>();
  private readonly widths: Widths;
  private readonly onPositions = new Set<Node>();
  /** In which layout a node on positions takes what comes from rows. */
  private readonly taken = new Map<Node, Layout>();

  constructor(graph: Graph, { residual, weights, width }: BlockInputs) {
    this.graph = {
      nodes: graph.nodes,
      inputs: graph.inputs.map(({ name }) => name),
      outputs: graph.outputs.map(({ name }) => name),
      initializers: graph.initializers,
    };
    this.widths = new Widths(graph, this.graph);
    for (const { name } of graph.inputs)
      this.places.set(name, weights.has(name) ? 'constant' : 'side');
    for (const name of graph.initializers.keys()) this.places.set(name, 'constant');
    this.places.set(residual, 'grid');
    this.widths.set(residual, width);
    for (const node of graph.nodes) this.place(node);
    this.takeBack();
  }

  isConstant(value: string): boolean {
    return this.places.get(value) === 'constant';
  }

  /** Computed from the residual stream on ordinary rows. */
  isInRows(value: string): boolean {
    return this.places.get(value) === 'rows';
  }

  /** Of a value on positions, else null. */
  layoutOf(value: string): Layout | null {
    const place = this.places.get(value);
    return place === 'grid' || place === 'flat' ? place : null;
  }

  widthOf(value: string): number | null {
    return this.widths.of(value);
  }

  runsOnPositions(node: Node): boolean {
    return this.onPositions.has(node);
  }

  /** How a node on positions takes what comes from rows. */
  takenAs(node: Node): Layout {
    return this.taken.get(node) ?? 'grid';
  }

  /** A Reshape on positions, from one axis of them to two. */
  restoresGrid(node: Node): boolean {
    return node.op === 'Reshape' && this.layoutOf(node.outputs[0] ?? '') === 'grid';
  }

  /** Goes through the nodes in their order. */
  private place(node: Node): void {
    const places = dependencies(node).map((value) => this.places.get(value) ?? 'side');
    const layout = this.joined(node) ?? outputLayout(node, this);
    if (places.every((place) => place === 'constant')) this.put(node, 'constant');
    else if (layout !== null) {
      this.onPositions.add(node);
      this.put(node, layout);
      this.widths.note(node);
      this.noteJoined(node);
    } else {
      const flows = places.some((place) => place !== 'constant' && place !== 'side');
      this.put(node, flows && !SIZES.has(node.op) ? 'rows' : 'side');
    }
  }

  /** The layout of a sum or product of something on positions with something from rows. */
  private joined(node: Node): Layout | null {
    const [a = '', b = '', ...rest] = node.inputs;
    if (!joinsRows(node) || rest.some((value) => value !== '' && !this.isConstant(value)))
      return null;
    const layouts = [a, b].map((value) => this.layoutOf(value));
    const comes = [a, b].some((value) => this.isInRows(value));
    return comes && layouts.includes('grid') ? 'grid' : null;
  }

  /** What is added to the stream is as wide. */
  private noteJoined({ op, inputs, outputs }: Node): void {
    const [output = ''] = outputs;
    const width = Math.max(...inputs.slice(0, 2).map((value) => this.widthOf(value) ?? 0));
    if (op === 'Add' && inputs.some((value) => this.isInRows(value)) && width > 1)
      this.widths.set(output, width);
  }

  private put(node: Node, place: Place): void {
    for (const value of node.outputs) if (value !== '') this.places.set(value, place);
  }

  /**
   * What rows give to positions comes from nodes that may run on positions too, as long as nothing
   * else reads what they give: the products behind the attention. From the last node to the first.
   */
  private takeBack(): void {
    const readers = new Map<string, Node[]>();
    for (const node of this.graph.nodes)
      for (const value of dependencies(node))
        readers.set(value, [...(readers.get(value) ?? []), node]);
    for (const node of this.graph.nodes.toReversed()) {
      if (this.onPositions.has(node) || !node.outputs.some((value) => this.isInRows(value)))
        continue;
      const wanted = this.wantedLayout(node, readers);
      const source = wanted && this.sourceLayout(node, wanted);
      if (!wanted || !source) continue;
      this.onPositions.add(node);
      this.taken.set(node, source);
      this.put(node, wanted);
    }
  }

  /** The layout in which nothing but positions takes what a node gives; null where rows do. */
  private wantedLayout(node: Node, readers: ReadonlyMap<string, Node[]>): Layout | null {
    const all = node.outputs.flatMap((value) => [
      ...(readers.get(value) ?? []).map((reader) =>
        this.onPositions.has(reader) ? this.takenAs(reader) : null,
      ),
      ...(this.graph.outputs.includes(value) ? ['grid' as const] : []),
    ]);
    const [first = null] = all;
    return all.every((layout) => layout === first) ? first : null;
  }

  /**
   * The layout that the operands of a node in rows must have for it to run on positions; null where
   * it may not.
   */
  private sourceLayout(node: Node, wanted: Layout): Layout | null {
    if (subgraphs(node).length > 0) return null;
    const [x = '', target = ''] = node.inputs;
    if (node.op === 'Reshape' && wanted === 'grid')
      return this.isInRows(x) && this.isWhole(x, target) ? 'flat' : null;
    // Experts take the weights of a router, from wherever they come, on one axis of positions.
    if (isExperts(node)) return this.layoutOf(x) === wanted ? 'flat' : null;
    const source = node.op === 'Reshape' ? 'grid' : wanted;
    const as: Known = {
      graph: this.graph,
      isConstant: (value) => this.isConstant(value),
      layoutOf: (value) => (this.isInRows(value) ? source : this.layoutOf(value)),
      widthOf: (value) => this.widthOf(value),
    };
    return outputLayout(node, as) === wanted ? source : null;
  }

  /** A product of two axes that a shape turns into three without dividing its width. */
  private isWhole(x: string, shape: string): boolean {
    const product = this.graph.nodes.find(({ outputs }) => outputs[0] === x);
    if (product?.op !== 'Gemm') return false;
    this.widths.note(product);
    const width = this.widthOf(x);
    const { axes, last } = shapeOf(shape, this);
    return axes === 3 && width !== null && last === width;
  }
}
