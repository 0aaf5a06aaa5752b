// The reverse sweep: from the gradient of a value to those of what it was computed from.

import { EspalierError } from '../errors.ts';
import { DataType, type Node } from '../onnx/graph.ts';
import { nodeInWords } from '../onnx/operators.ts';
import { intsAttribute } from './build/attributes.ts';
import type { Builder } from './build/builder.ts';
import { mismatch, sameDims } from './build/dims.ts';
import type { RuleContext } from './rules/rule.ts';
import { ruleOf, STOPS } from './rules/table.ts';

/** A summand of dL/dW: transpose(left) x right of (T, m) and (T, n). */
interface Product {
  left: string;
  right: string;
}

/** The gradient of a value as a sum; either part may be missing. */
export interface Gradient {
  products: readonly Product[];
  /** Everything else, of the dims of the value; null when there is nothing else. */
  value: string | null;
}

export interface Sweep {
  /** Known gradients: value to the value that holds dL/dvalue. */
  seeds: ReadonlyMap<string, string>;
  /** The values whose gradients are asked for. */
  leaves: readonly string[];
  /** Contents of values that are constants of the graph or of the run's shape. */
  known(value: string): readonly number[] | null;
}

const FLOATS: ReadonlySet<DataType> = new Set([DataType.float, DataType.float16, DataType.double]);

/** Operators that make integers out of numbers on purpose: no gradient goes through those. */
const TO_INTEGERS: ReadonlySet<string> = new Set(['Cast', 'CastLike', 'TopK']);

/**
 * Values that depend on the leaves smoothly: a forward walk from them over sorted nodes, stopped at
 * comparisons, sizes and indices. Integers that stand for numbers (QuantizeLinear) are not left out
 * in silence: whatever reads them must have a rule.
 */
export function dependents(
  b: Builder,
  nodes: readonly Node[],
  leaves: readonly string[],
): Set<string> {
  const wanted = new Set(leaves);
  for (const node of nodes) {
    if (STOPS.has(node.op) || !node.inputs.some((x) => wanted.has(x))) continue;
    const floatsOnly = TO_INTEGERS.has(node.op);
    for (const y of node.outputs)
      if (y !== '' && b.has(y) && !(floatsOnly && !FLOATS.has(b.type(y)))) wanted.add(y);
  }
  return wanted;
}

/**
 * Appends to `b` what computes the gradients of the leaves; nodes are those of `b` so far, sorted.
 * @returns for each leaf its gradient; a leaf on which no seed depends is absent.
 * @throws EspalierError `unsupported-op` for an operator on the way that has no rule, or is in a
 *   form that its rule does not know.
 */
export function sweep(b: Builder, { seeds, leaves, known }: Sweep): Map<string, Gradient> {
  const nodes = [...b.nodes];
  const wanted = dependents(b, nodes, leaves);
  const sums = new Map<string, string>(seeds);
  const products = new Map<string, Product[]>();

  const give = (value: string, gradient: string): void => {
    if (!sameDims(b.dims(value), b.dims(gradient)))
      throw mismatch(`The gradient of "${value}"`, b.dims(value), b.dims(gradient));
    const sum = sums.get(value);
    sums.set(value, sum === undefined ? gradient : b.add(sum, gradient));
  };
  const giveProduct = (value: string, product: Product): void => {
    const dims = [b.dims(product.left)[1] ?? -1, b.dims(product.right)[1] ?? -1];
    if (!sameDims(b.dims(value), dims))
      throw mismatch(`The gradient of "${value}"`, b.dims(value), dims);
    const list = products.get(value) ?? [];
    products.set(value, [...list, product]);
  };

  for (const node of nodes.reverse()) {
    if (STOPS.has(node.op) || !node.inputs.some((x) => wanted.has(x))) continue;
    const reached = node.outputs.filter((y) => sums.has(y) || products.has(y));
    if (reached.length === 0) continue;
    if (passProducts(node)) continue;
    for (const y of reached)
      for (const { left, right } of products.get(y) ?? [])
        give(y, b.gemm(left, right, { transA: true }));
    const rule = ruleOf(node);
    if (!rule) throw withoutRule(node);
    rule(contextOf(node));
  }
  return new Map(
    leaves.flatMap((leaf): [string, Gradient][] => {
      const gradient = { products: products.get(leaf) ?? [], value: sums.get(leaf) ?? null };
      return gradient.products.length > 0 || gradient.value !== null ? [[leaf, gradient]] : [];
    }),
  );

  /** Products reach a stored matrix through a transposition or a copy as products. */
  function passProducts(node: Node): boolean {
    const [x = '', y = ''] = [node.inputs[0], node.outputs[0]];
    const list = products.get(y);
    if (!list || sums.has(y) || !wanted.has(x)) return false;
    if (node.op === 'Transpose' && (intsAttribute(node, 'perm') ?? [1, 0]).join() === '1,0')
      for (const { left, right } of list) giveProduct(x, { left: right, right: left });
    else if (node.op === 'Identity') for (const product of list) giveProduct(x, product);
    else return false;
    return true;
  }

  function contextOf(node: Node): RuleContext {
    const input = (k: number): string => node.inputs[k] ?? '';
    const wants = (k: number): boolean => wanted.has(input(k));
    return {
      b,
      node,
      d: (k = 0) => {
        const gradient = sums.get(node.outputs[k] ?? '');
        if (gradient === undefined)
          throw new EspalierError('bug', `Nothing depends on output ${k} of ${node.name}.`);
        return gradient;
      },
      has: (k) => sums.has(node.outputs[k] ?? ''),
      wants,
      give: (k, gradient) => {
        if (wants(k)) give(input(k), gradient());
      },
      giveProduct: (k, factors) => {
        if (!wants(k)) return;
        const [left, right] = factors();
        giveProduct(input(k), { left, right });
      },
      known: (k) => known(input(k)),
      ints: (k) => {
        const value = input(k);
        const whole = value !== '' && !FLOATS.has(b.type(value));
        return whole ? known(value) : null;
      },
    };
  }
}

/** The whole gradient of a leaf as one value. */
export function materialised(b: Builder, { products, value }: Gradient): string {
  const parts = products.map(({ left, right }) => b.gemm(left, right, { transA: true }));
  return [...parts, ...(value === null ? [] : [value])].reduce((sum, part) => b.add(sum, part));
}

function withoutRule(node: Node): EspalierError {
  return new EspalierError(
    'unsupported-op',
    `${nodeInWords(node)} cannot be differentiated: there is no rule for it.`,
    'Criteria without gradients can still be computed.',
  );
}
