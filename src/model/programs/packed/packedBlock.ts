// Makes a block run on distinct positions, (1, N, C), in place of rows of tokens, (B, T, C). What
// treats every position alike runs on positions; attention, convolution and whatever else may let
// positions of a row meet runs on ordinary rows, with gathers at the edges. Computed so, a position
// that several rows share costs its products once.

import { dependencies } from '../../../onnx/captures.ts';
import { type Graph, intAttribute, type Node } from '../../../onnx/graph.ts';
import { renameNode } from '../../../onnx/rename.ts';
import type { Program } from '../program.ts';
import { int64Tensor, makeNode } from '../rewrites.ts';
import { copyNode } from '../subgraph.ts';
import { Gatherer, type Layout } from './gathers.ts';
import { Places } from './places.ts';
import { graphOf, withNodes } from './remade.ts';

export interface PackedBlock {
  /** (residual (1, N, C), gathers) -> residual (1, N, C). */
  program: Program;
  /** Products with weights that run on positions, of all of them. */
  products: { shared: number; all: number };
}

/** @param width elements of a position in the state between blocks. */
export function packedBlock(program: Program, width: number): PackedBlock {
  const { graph, opset } = graphOf(program);
  const residual = program.inputs.find(({ source }) => source.kind === 'residual')?.name ?? '';
  const weights = new Set(
    program.inputs.filter(({ source }) => source.kind === 'weight').map(({ name }) => name),
  );
  const places = new Places(graph, { residual, weights, width });
  const [output] = graph.outputs;
  const packer = new Packer(graph, places, opset);
  for (const node of graph.nodes) packer.add(node);
  const name = packer.onPositions(output!.name, 'grid');
  graph.outputs = [{ ...output!, name }];
  const products = graph.nodes.filter((node) => isProduct(node, places));
  return {
    program: withNodes(program, 'packed', graph, packer.gatherer, packer.gatherer.nodes),
    products: {
      shared: products.filter((node) => places.runsOnPositions(node)).length,
      all: products.length,
    },
  };
}

const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'MatMulNBits', 'MoE', 'QMoE']);

/** A product of something that flows with a weight. */
function isProduct(node: Node, places: Places): boolean {
  const [x = '', weight = ''] = node.inputs;
  return (
    PRODUCTS.has(node.op) &&
    !places.isConstant(x) &&
    (places.isConstant(weight) || node.op.endsWith('MoE'))
  );
}

/** Writes the nodes of a block again, each where it runs. */
class Packer {
  readonly gatherer: Gatherer;
  private readonly graph: Graph;
  private readonly places: Places;
  private readonly opset: number;

  constructor(graph: Graph, places: Places, opset: number) {
    this.graph = graph;
    this.places = places;
    this.opset = opset;
    this.gatherer = new Gatherer(graph);
  }

  add(node: Node): void {
    if (!this.places.runsOnPositions(node)) this.addInRows(node);
    else if (this.places.restoresGrid(node)) this.addUnsqueeze(node);
    else {
      const copy = copyNode(node);
      const layout = this.places.takenAs(node);
      copy.inputs = copy.inputs.map((value) => this.onPositions(value, layout));
      this.gatherer.nodes.push(copy);
    }
  }

  /** A value for what runs on positions: constants as they are. */
  onPositions(value: string, layout: Layout): string {
    return this.places.isInRows(value) ? this.gatherer.gather(value, layout, 'nodes') : value;
  }

  private addInRows(node: Node): void {
    const { places, gatherer } = this;
    const [x = ''] = node.inputs;
    const width = node.op === 'Shape' ? places.widthOf(x) : null;
    if (width !== null && places.layoutOf(x) === 'grid') {
      this.addShape(node, width);
      return;
    }
    const names = new Map<string, string>();
    for (const value of dependencies(node)) {
      const layout = places.layoutOf(value);
      if (layout !== null) names.set(value, gatherer.gather(value, layout, 'rows'));
    }
    gatherer.nodes.push(renameNode(node, names));
  }

  /** (B, T, W) of a value that itself is needed on positions only. */
  private addShape(node: Node, width: number): void {
    const output = node.outputs[0]!;
    const range = [intAttribute(node, 'start') ?? 0, intAttribute(node, 'end') ?? 3];
    const whole = range.join() === '0,3';
    const full = whole ? output : `${output}/full`;
    this.put('Shape', [this.gatherer.index('rows')], `${output}/rows`);
    this.put('Concat', [`${output}/rows`, this.ints(`${output}/width`, width)], full, 0);
    if (whole) return;
    const bounds = range.map((bound, k) => this.ints(`${output}/bound/${k}`, bound));
    this.put('Slice', [full, ...bounds], output);
  }

  /** (N, W) to (1, N, W). */
  private addUnsqueeze(node: Node): void {
    const x = this.onPositions(node.inputs[0] ?? '', 'flat');
    const output = node.outputs[0]!;
    this.gatherer.nodes.push(
      this.opset >= 13
        ? makeNode('Unsqueeze', [x, this.ints(`${output}/axis`, 0)], [output])
        : makeNode('Unsqueeze', [x], [output], { axes: [0] }),
    );
  }

  private ints(name: string, value: number): string {
    this.graph.initializers.set(name, int64Tensor(name, [value]));
    return name;
  }

  private put(op: string, inputs: string[], output: string, axis?: number): void {
    const attributes = axis === undefined ? {} : { axis };
    this.gatherer.nodes.push(makeNode(op, inputs, [output], attributes));
  }
}
