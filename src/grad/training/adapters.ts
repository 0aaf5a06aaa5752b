// Puts adapters behind the linear products of a program: y + scale x A B, which is what adding
// scale A B to the matrix will make of it.

import type { Program, ProgramInput } from '../../model/programs/program.ts';
import { makeNode } from '../../model/programs/rewrites.ts';
import { DataType, type Model, type Node } from '../../onnx/graph.ts';
import { constantBytes } from '../build/literals.ts';
import type { LinearProduct } from './products.ts';
import { inputOf, remade } from './remade.ts';

export interface AdapterForm {
  rank: number;
  /** alpha / rank */
  scale: number;
  /** The inputs of the adapters are multiplied by masks that are fed. */
  dropout: boolean;
}

/** An adapter behind some columns of a product. */
export interface Adapter {
  product: LinearProduct;
  /** Start of the names of its factors: `<name>/a` (inputs, rank), `<name>/b` (rank, columns). */
  name: string;
  columns: readonly [from: number, to: number];
}

/**
 * One adapter for each product.
 * @param split query, key and value of one matrix have an adapter each.
 */
export function adaptersOf(products: readonly LinearProduct[], split: boolean): Adapter[] {
  const all = products.flatMap((product) => {
    const whole = [[0, product.columns]] as const;
    return ((split && product.parts) || whole).map((columns) => ({ product, columns }));
  });
  return all.map((one, k) => ({ ...one, name: `adapter${k}` }));
}

/** Dims of the two factors of an adapter. */
export function factorDims(
  { product, columns: [from, to] }: Adapter,
  rank: number,
): { a: number[]; b: number[] } {
  return { a: [product.inputs, rank], b: [rank, to - from] };
}

/** The program with the adapters, for any run shape; fused operators stay as they are. */
export function withAdapters(
  program: Program,
  model: Model,
  adapters: readonly Adapter[],
  form: AdapterForm,
  id: string,
): Program {
  const { graph } = model;
  const added: ProgramInput[] = [];
  const factors = new Map<number, string>();
  const behind = new Map<string, Node[]>();
  for (const { y } of new Set(adapters.map(({ product }) => product))) {
    const own = adapters.filter(({ product }) => product.y === y);
    const nodes: Node[] = [];
    const parts = own.map((adapter) => branch(adapter, nodes));
    const [only = ''] = parts;
    const sum = `${y}/adapters`;
    if (parts.length > 1) nodes.push(makeNode('Concat', parts, [sum], { axis: -1 }));
    nodes.push(makeNode('Add', [`${y}/base`, parts.length > 1 ? sum : only], [y]));
    behind.set(y, nodes);
  }
  graph.nodes = graph.nodes.flatMap((node) => {
    const [y = ''] = node.outputs;
    const nodes = behind.get(y);
    return nodes ? [{ ...node, outputs: [`${y}/base`, ...node.outputs.slice(1)] }, ...nodes] : node;
  });
  return remade(program, model, added, id);

  /** Appends what an adapter computes; the name of its result, of the dims of its columns. */
  function branch(adapter: Adapter, nodes: Node[]): string {
    const { product, name } = adapter;
    const [a, b] = [`${name}/a`, `${name}/b`];
    const dims = factorDims(adapter, form.rank);
    added.push(inputOf(a, { kind: 'parameter', parameter: a, dims: dims.a }));
    added.push(inputOf(b, { kind: 'parameter', parameter: b, dims: dims.b }));
    const put = (op: string, inputs: string[], suffix: string): string => {
      const output = `${name}/${suffix}`;
      nodes.push(makeNode(op, inputs, [output]));
      return output;
    };
    let { x } = product;
    if (form.dropout) {
      const mask = `${name}/mask`;
      added.push(inputOf(mask, { kind: 'dropout-mask', parameter: a, width: product.inputs }));
      x = put('Mul', [x, product.rank === 2 ? rows(mask, product.inputs, put) : mask], 'kept');
    }
    const down = put('MatMul', [x, a], 'down');
    const scaled = put('Mul', [down, factor(form.scale * product.factor)], 'scaled');
    return put('MatMul', [scaled, b], 'up');
  }

  /** A mask (B, S, inputs) as (B S, inputs). */
  function rows(
    mask: string,
    width: number,
    put: (op: string, inputs: string[], suffix: string) => string,
  ): string {
    const name = `adapters/rows${width}`;
    const data = constantBytes(DataType.int64, [-1, width]);
    graph.initializers.set(name, { name, type: DataType.int64, dims: [2], data });
    return put('Reshape', [mask, name], 'mask_rows');
  }

  function factor(value: number): string {
    const name = factors.get(value) ?? `adapters/factor${factors.size}`;
    factors.set(value, name);
    const data = constantBytes(DataType.float, [value]);
    graph.initializers.set(name, { name, type: DataType.float, dims: [], data });
    return name;
  }
}
