// How many elements of a position a value has, as far as the weights that it comes from say it.

import type { Graph, Node } from '../../../onnx/graph.ts';
import { intAttribute } from '../../../onnx/graph.ts';
import { constantInts, type Subgraph } from '../subgraph.ts';

const NORMS = /^(Skip)?(Simplified)?LayerNormalization$|^RMSNormalization$/;
const SUMS = /^(Add|Sub|Mul|Div)$/;
const SAME =
  /^(Cast|Identity|Tanh|Sigmoid|Relu|Gelu|FastGelu|QuickGelu|BiasGelu|Erf|Sqrt|Neg|Pow)$/;

export class Widths {
  private readonly graph: Subgraph;
  private readonly dims: ReadonlyMap<string, readonly unknown[] | null>;
  private readonly known = new Map<string, number>();

  constructor(graph: Graph, subgraph: Subgraph) {
    this.graph = subgraph;
    this.dims = new Map([
      ...graph.inputs.map(({ name, dims }): [string, readonly unknown[] | null] => [name, dims]),
      ...[...graph.initializers].map(([name, { dims }]): [string, readonly unknown[]] => [
        name,
        dims,
      ]),
    ]);
  }

  of(value: string): number | null {
    return this.known.get(value) ?? null;
  }

  set(value: string, width: number): void {
    this.known.set(value, width);
  }

  /** Notes the width of the first output of a node where it can be told. */
  note(node: Node): void {
    const width = this.outputOf(node);
    if (width !== null && node.outputs[0]) this.known.set(node.outputs[0], width);
    const sum = node.outputs[3];
    if (width !== null && sum && NORMS.test(node.op)) this.known.set(sum, width);
  }

  private outputOf(node: Node): number | null {
    const [x = '', second = ''] = node.inputs;
    if (node.op === 'MatMulNBits') return intAttribute(node, 'N') ?? null;
    if (node.op === 'MatMul') return this.size(second, -1);
    if (node.op === 'Gemm') return this.size(second, intAttribute(node, 'transB') ? -2 : -1);
    if (node.op === 'Reshape' || NORMS.test(node.op) || SAME.test(node.op)) return this.of(x);
    if (SUMS.test(node.op)) return this.widest(node.inputs);
    if (node.op === 'Slice') {
      const [from, to] = [1, 2].map((slot) => constantInts(this.graph, node.inputs[slot] ?? ''));
      const [start = -1] = from ?? [];
      const [end = -1] = to ?? [];
      return start >= 0 && end > start && end < 2 ** 31 - 1 ? end - start : null;
    }
    return null;
  }

  /** Of operands that are broadcast to the widest: null unless all are known. */
  private widest(values: readonly string[]): number | null {
    const widths = values.map((value) => this.of(value) ?? this.size(value, -1) ?? null);
    return widths.includes(null) ? null : Math.max(...widths.map((width) => width ?? 0));
  }

  /** A dim of a weight; 1 for a scalar. */
  private size(value: string, at: number): number | null {
    const dims = this.dims.get(value);
    if (!dims) return null;
    const dim = dims.length === 0 ? 1 : dims.at(at);
    return typeof dim === 'number' ? dim : null;
  }
}
