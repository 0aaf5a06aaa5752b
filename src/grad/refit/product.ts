// Finds the linear product of a block's program whose output reaches the residual stream through
// additions and scalar factors alone: the one that least squares can refit.

import type { BoundProgram, ScorePrograms, WeightRef } from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { dependencies } from '../../onnx/captures.ts';
import type { Graph, Node } from '../../onnx/graph.ts';
import { elementCount, floatAttribute, intAttribute } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import { PASSING } from '../sums/passing.ts';
import { type Operand, operandOf } from './operand.ts';

/** A factor between a product and the residual stream. */
interface Factor {
  /** A scalar value of the graph. */
  value: string;
  /** Divides instead. */
  inverse: boolean;
}

/** The residual stream after a block is `factors * (h W) + a`: the product h W. */
export interface RefitProduct {
  node: Node;
  /** h, (.., inputs). */
  input: string;
  inputs: number;
  outputs: number;
  matrix: Operand;
  factors: readonly Factor[];
  /** The product of all factors that are written into the graph as attributes. */
  factor: number;
  /** The value of the residual stream, (B, S, outputs). */
  residual: string;
  /** False where later operators of the block read what the product changes, too. */
  exact: boolean;
}

/** A product, or why there is none, as the end of a sentence. */
export type Found = { product: RefitProduct; obstacle: null } | { product: null; obstacle: string };

/** The product nearest to the residual stream at the end of a block or of what is left of it. */
export function refitProduct(bound: BoundProgram, programs: Sizes): Found {
  return new Finder(bound, programs).find();
}

type Sizes = Pick<ScorePrograms, 'hiddenSize' | 'stateSize'>;

interface Term {
  value: string;
  factors: readonly Factor[];
  factor: number;
}

type Candidate = Omit<RefitProduct, 'exact' | 'residual'> & { position: number };

class Finder {
  private readonly graph: Graph;
  private readonly producer = new Map<string, number>();
  private readonly weights: ReadonlyMap<string, WeightRef>;
  private readonly sizes: Sizes;
  private readonly output: string;
  /** Positions of nodes that lie between products and the residual stream. */
  private readonly passed = new Set<number>();
  /** What is added to the residual stream and neither a sum nor a product. */
  private readonly met: Node[] = [];
  private readonly constant = new Map<string, boolean>();

  constructor(bound: BoundProgram, sizes: Sizes) {
    this.graph = programModel(bound.program).graph;
    this.weights = bound.weights;
    this.sizes = sizes;
    this.output = bound.program.outputs.find(({ target }) => target.kind === 'residual')!.name;
    for (const [position, { outputs }] of this.graph.nodes.entries())
      for (const value of outputs) if (value !== '') this.producer.set(value, position);
  }

  find(): Found {
    const residual = this.residual();
    if (residual === null)
      return { product: null, obstacle: 'its state is put together in an unknown way' };
    const found = this.candidates(residual);
    const behind = found.map(({ input }) => this.ancestors(input));
    const last = found.filter(
      ({ position }) => !behind.some((ancestors) => ancestors.has(position)),
    );
    // Side by side stand attention and feed-forward, whose projection is the wider one.
    const [best] = [...last].sort((a, b) => b.inputs - a.inputs || b.position - a.position);
    if (!best) return { product: null, obstacle: this.obstacle() };
    const { position, ...product } = best;
    return { product: { ...product, residual, exact: this.isExact(position) }, obstacle: null };
  }

  /** The residual stream in the output, which may carry other streams along behind it. */
  private residual(): string | null {
    if (this.sizes.stateSize === this.sizes.hiddenSize) return this.output;
    const node = this.nodeOf(this.output);
    if (node?.op !== 'Concat') return null;
    this.passed.add(this.producer.get(this.output)!);
    return node.inputs[0] ?? null;
  }

  private candidates(residual: string): Candidate[] {
    const found = new Map<number, Candidate>();
    const twice = new Set<number>();
    const pending: Term[] = [{ value: residual, factors: [], factor: 1 }];
    const seen = new Set<string>();
    for (let term = pending.pop(); term; term = pending.pop()) {
      const position = this.producer.get(term.value);
      if (position === undefined) continue;
      const node = this.graph.nodes[position]!;
      const product = this.product(node, term);
      if (product) {
        if (found.has(position)) twice.add(position);
        found.set(position, { ...product, position });
        continue;
      }
      const operands = this.summands(node, term);
      if (operands.length === 0) this.met.push(node);
      else this.passed.add(position);
      for (const operand of operands) {
        // Reached on two ways it would count twice, with factors that differ.
        const again = seen.has(operand.value);
        seen.add(operand.value);
        if (again) this.markBelow(operand.value, twice);
        else pending.push(operand);
      }
    }
    return [...found.values()].filter(({ position }) => !twice.has(position));
  }

  private markBelow(value: string, marked: Set<number>): void {
    for (const position of this.ancestors(value)) marked.add(position);
  }

  /** What a node adds up, each with its factors; nothing for other nodes. */
  private summands(node: Node, term: Term): Term[] {
    const [a = '', b = ''] = node.inputs;
    const on = (value: string, more: Partial<Term> = {}): Term[] =>
      this.isConstant(value) ? [] : [{ ...term, ...more, value }];
    if (node.domain !== '' && node.domain !== 'ai.onnx') return [];
    if (PASSING.has(node.op)) return on(a);
    switch (node.op) {
      case 'Add':
      case 'Sum':
        return node.inputs.flatMap((value) => on(value));
      case 'Sub':
        return [...on(a), ...on(b, { factor: -term.factor })];
      case 'Mul': {
        const [scalar, other] = this.isScalar(a) ? [a, b] : [b, a];
        if (!this.isScalar(scalar)) return [];
        return on(other, { factors: [...term.factors, { value: scalar, inverse: false }] });
      }
      case 'Div':
        if (!this.isScalar(b)) return [];
        return on(a, { factors: [...term.factors, { value: b, inverse: true }] });
      default:
        return [];
    }
  }

  private product(node: Node, { factors, factor }: Term): Omit<Candidate, 'position'> | null {
    const [input = ''] = node.inputs;
    const alpha = PRODUCTS[operatorName(node)]?.(node);
    if (alpha === undefined || this.isConstant(input)) return null;
    const matrix = operandOf(node, this.graph, this.weights);
    if (!matrix || this.readers(matrix.weight) !== 1) return null;
    const [inputs, outputs] = matrix.size;
    if (outputs !== this.sizes.hiddenSize) return null;
    return { node, input, inputs, outputs, matrix, factors, factor: factor * alpha };
  }

  private readers(value: string): number {
    return this.graph.nodes.reduce(
      (sum, node) => sum + dependencies(node).filter((name) => name === value).length,
      0,
    );
  }

  /** True when nothing reads the product's output but what adds it to the residual stream. */
  private isExact(position: number): boolean {
    const changed = new Set(this.graph.nodes[position]!.outputs);
    return this.graph.nodes.every((node, at) => {
      if (!dependencies(node).some((value) => changed.has(value))) return true;
      for (const value of node.outputs) changed.add(value);
      return this.passed.has(at);
    });
  }

  /** Positions of all nodes that a value is computed from. */
  private ancestors(value: string): Set<number> {
    const found = new Set<number>();
    const pending = [value];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const position = this.producer.get(name);
      if (position === undefined || found.has(position)) continue;
      found.add(position);
      pending.push(...dependencies(this.graph.nodes[position]!));
    }
    return found;
  }

  private obstacle(): string {
    if (this.met.length === 0)
      return 'no product of a stored matrix is added to its residual stream';
    const behind = this.met.map(({ outputs }) => this.operatorsBehind(outputs[0] ?? ''));
    if (behind.some((ops) => [...INTEGERS].some((op) => ops.has(op))))
      return 'its products are computed with 8-bit integers';
    if (behind.some((ops) => [...NORMS].some((op) => ops.has(op))))
      return (
        'a norm stands between its projections and the residual stream, so that no product is ' +
        'added to the stream as it is'
      );
    const names = [...new Set(this.met.map(operatorName))];
    return (
      'no product of a stored matrix is added to its residual stream as it is: what is added ' +
      `comes out of ${names.join(' and ')}`
    );
  }

  /** Operators that a value comes from, back to the products before it. */
  private operatorsBehind(value: string): Set<string> {
    const found = new Set<string>();
    const seen = new Set<string>();
    const pending = [value];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const node = this.nodeOf(name);
      if (!node || seen.has(name)) continue;
      seen.add(name);
      found.add(node.op);
      if (!PRODUCTS[operatorName(node)]) pending.push(...dependencies(node));
    }
    return found;
  }

  private nodeOf(value: string): Node | undefined {
    return this.graph.nodes[this.producer.get(value) ?? -1];
  }

  /** Stored, or computed from what is stored alone. */
  private isConstant(value: string): boolean {
    if (this.graph.initializers.has(value) || this.weights.has(value)) return true;
    const known = this.constant.get(value);
    if (known !== undefined) return known;
    const node = this.nodeOf(value);
    const found = node !== undefined && dependencies(node).every((name) => this.isConstant(name));
    this.constant.set(value, found);
    return found;
  }

  private isScalar(value: string): boolean {
    const dims = this.graph.initializers.get(value)?.dims ?? this.weights.get(value)?.dims;
    if (dims) return elementCount(dims) === 1;
    const node = this.nodeOf(value);
    if (node?.op === 'Constant') {
      const held = node.attributes.get('value');
      return held?.kind === 'tensor'
        ? elementCount(held.value.dims) === 1
        : node.attributes.has('value_float');
    }
    return node !== undefined && PASSING.has(node.op) && this.isScalar(node.inputs[0] ?? '');
  }
}

const INTEGERS: ReadonlySet<string> = new Set([
  'MatMulInteger',
  'MatMulIntegerToFloat',
  'DynamicQuantizeMatMul',
  'QLinearMatMul',
  'QGemm',
]);

/** Operators of norms; written out in several, they take a root. */
const NORMS: ReadonlySet<string> = new Set([
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'RMSNormalization',
  'Sqrt',
  'Rsqrt',
]);

/** Products h W with their own factor; undefined for forms in which h is not taken as it is. */
const PRODUCTS: Readonly<Record<string, (node: Node) => number | undefined>> = {
  MatMul: () => 1,
  Gemm: (node) => (intAttribute(node, 'transA') ? undefined : (floatAttribute(node, 'alpha') ?? 1)),
  'com.microsoft.FusedMatMul': (node) =>
    ['transA', 'transBatchA', 'transBatchB'].some((name) => intAttribute(node, name))
      ? undefined
      : (floatAttribute(node, 'alpha') ?? 1),
  // Columns in another order are not those of the stored matrix.
  'com.microsoft.MatMulNBits': (node) => (node.inputs[4] ? undefined : 1),
};
