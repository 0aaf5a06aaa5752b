// Finds the linear products of a block's program: activations times a stored matrix, where an
// adapter can stand behind them.

import type { Program } from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { DataType, floatAttribute, intAttribute, type Model, type Node } from '../../onnx/graph.ts';
import { operatorName } from '../../onnx/operators.ts';
import { chooseAllTokens } from '../routedExperts.ts';
import { evaluateShapes } from '../shapes/evaluate.ts';
import type { Value } from '../shapes/value.ts';
import { passStraightThrough } from '../straightThrough.ts';
import { partsOfProduct } from './fusedParts.ts';

/** y = factor x W (+ bias), W (inputs, columns). */
export interface LinearProduct {
  /** Input of the program, or constant inside it, that holds the matrix. */
  weight: string;
  x: string;
  y: string;
  /** Axes of x: 3 for (B, S, inputs), 2 for (B S, inputs). */
  rank: 2 | 3;
  inputs: number;
  columns: number;
  factor: number;
  /** Columns of query, key and value, where the product is all three; null otherwise. */
  parts: readonly (readonly [from: number, to: number])[] | null;
  /** It is all three, but not column after column. */
  mixed: boolean;
}

/** Why a matrix that counts as linear has no adapter, as the end of a sentence in the plural. */
export type Exempt =
  | 'routers'
  | 'experts'
  | 'convolutions'
  | 'products in 8-bit integers'
  | 'matrices that are read twice'
  | 'products of an unknown form';

export interface FoundProducts {
  /** In the order of the graph. */
  products: readonly LinearProduct[];
  /** Matrices without an adapter, and why. */
  exempt: ReadonlyMap<string, Exempt>;
}

/** Types and dims of the values of a program as training computes it. */
export function valuesOf(program: Program, inputs: ReadonlyMap<string, Value>): Map<string, Value> {
  const model = programModel(program);
  chooseAllTokens(model);
  passStraightThrough(model);
  return evaluateShapes(model, inputs);
}

/** Operators that rearrange a stored matrix or make floats of it. */
const READING: ReadonlySet<string> = new Set(['Transpose', 'Cast', 'Identity', 'DequantizeLinear']);

const FORMS: ReadonlySet<string> = new Set([
  ...['MatMul', 'Gemm', 'com.microsoft.FusedMatMul', 'com.microsoft.MatMulNBits'],
]);

const EXEMPT_OPERATORS: Readonly<Record<string, Exempt>> = {
  Conv: 'convolutions',
  'com.microsoft.CausalConvWithState': 'convolutions',
  CausalConvWithState: 'convolutions',
  'com.microsoft.MoE': 'experts',
  'com.microsoft.QMoE': 'experts',
  MatMulInteger: 'products in 8-bit integers',
  QLinearMatMul: 'products in 8-bit integers',
  'com.microsoft.DynamicQuantizeMatMul': 'products in 8-bit integers',
  'com.microsoft.MatMulIntegerToFloat': 'products in 8-bit integers',
  'com.microsoft.QAttention': 'products in 8-bit integers',
  'com.microsoft.QGemm': 'products in 8-bit integers',
};

/**
 * The products of a program.
 * @param linear inputs and constants of the program that count as linear matrices.
 * @param values of the program for some run.
 */
export function findProducts(
  { graph }: Model,
  linear: ReadonlySet<string>,
  values: ReadonlyMap<string, Value>,
): FoundProducts {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const x of new Set(node.inputs)) readers.set(x, [...(readers.get(x) ?? []), node]);
  const routed = routedValues(graph.nodes);
  const found = new Map<string, { product: LinearProduct; at: number }>();
  const exempt = new Map<string, Exempt>();
  const ends = new Map([...linear].map((weight) => [weight, endsOf(weight, readers)]));
  const multiplying = new Set([...ends.values()].flatMap((all) => all.map(({ node }) => node)));
  for (const [weight, [first, second]] of ends) {
    if (!first) continue;
    const reason = second ? 'matrices that are read twice' : exemption(first.node);
    if (reason !== null) {
      exempt.set(weight, reason);
      continue;
    }
    const product = productOf(first.node, weight, first.value);
    if (product) found.set(weight, { product, at: graph.nodes.indexOf(first.node) });
    else exempt.set(weight, 'products of an unknown form');
  }
  const products = [...found.values()].sort((a, b) => a.at - b.at).map(({ product }) => product);
  return { products, exempt };

  function exemption(node: Node): Exempt | null {
    const operator = operatorName(node);
    const named = EXEMPT_OPERATORS[operator];
    if (named !== undefined) return named;
    if (routed.has(node.inputs[0] ?? '')) return 'experts';
    if (choosesExperts(node.outputs[0] ?? '', readers, multiplying)) return 'routers';
    return FORMS.has(operator) ? null : 'products of an unknown form';
  }

  function productOf(node: Node, weight: string, matrix: string): LinearProduct | null {
    const [x = '', second = ''] = node.inputs;
    const [y = ''] = node.outputs;
    const [from, to] = [values.get(x), values.get(y)];
    const rank = from?.dims.length;
    if (second !== matrix || x === second || (rank !== 2 && rank !== 3) || !from || !to)
      return null;
    if (from.type !== DataType.float || to.type !== DataType.float) return null;
    // A stack of matrices multiplies every row with another one.
    const stacked = (values.get(matrix)?.dims.length ?? 2) !== 2;
    const turned = intAttribute(node, 'transA') === 1 || intAttribute(node, 'transBatchA') === 1;
    const batched = intAttribute(node, 'transBatchB') === 1 || to.dims.length !== rank;
    if ((stacked && node.op !== 'MatMulNBits') || turned || batched) return null;
    const [inputs, columns] = [from.dims.at(-1) ?? 0, to.dims.at(-1) ?? 0];
    const { parts, mixed } = partsOfProduct(y, columns, readers, values);
    const factor = floatAttribute(node, 'alpha') ?? 1;
    return { weight, x, y, rank, inputs, columns, factor, parts, mixed };
  }
}

/** The nodes that multiply with a matrix, and under which name each reads it. */
function endsOf(
  weight: string,
  readers: ReadonlyMap<string, Node[]>,
): { node: Node; value: string }[] {
  return (readers.get(weight) ?? []).flatMap((node) =>
    READING.has(node.op) && node.inputs[0] === weight
      ? endsOf(node.outputs[0] ?? '', readers)
      : [{ node, value: weight }],
  );
}

/** Values that depend on which tokens an expert takes. */
function routedValues(nodes: readonly Node[]): Set<string> {
  const routed = new Set<string>();
  for (const { op, inputs, outputs } of nodes)
    if (op === 'TopK' || op === 'NonZero' || inputs.some((x) => routed.has(x)))
      for (const y of outputs) routed.add(y);
  return routed;
}

/**
 * True where experts are chosen by a value: what is made of it before the next product goes into a
 * TopK, or into an operator of experts as their scores.
 */
function choosesExperts(
  value: string,
  readers: ReadonlyMap<string, Node[]>,
  multiplying: ReadonlySet<Node>,
): boolean {
  const seen = new Set<string>();
  const pending = [value];
  for (let x = pending.pop(); x !== undefined; x = pending.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    for (const node of readers.get(x) ?? []) {
      const experts = node.op === 'MoE' || node.op === 'QMoE';
      if (node.op === 'TopK' || (experts && node.inputs.indexOf(x) === 1)) return true;
      if (!multiplying.has(node)) pending.push(...node.outputs);
    }
  }
  return false;
}
