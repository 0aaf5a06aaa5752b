// Rules of matrix products. A matrix of weights is never transposed: Gemm reads it either way.

import { elementCount, floatAttribute, intAttribute } from '../../onnx/graph.ts';
import { type Rule, type RuleContext, unknownForm } from './rule.ts';

/**
 * y = a b. For a matrix b (k, n), with a as rows a2 (T, k) and d as rows d2 (T, n):
 * da = d2 transpose(b), db = transpose(a2) d2. For two stacks of matrices:
 * da = ub(d transpose(b)), db = ub(transpose(a) d).
 */
export const matmul: Rule = (at) => {
  const { b, node } = at;
  const [x = '', m = ''] = node.inputs;
  const [left, right] = [b.dims(x), b.dims(m)];
  if (left.length < 2 || right.length < 2) throw unknownForm(node, 'with a vector');
  if (right.length === 2) {
    const [k = 0, n = 0] = right;
    const rows = elementCount(left.slice(0, -1));
    const d2 = (): string => b.reshape(at.d(), [rows, n]);
    at.give(0, () => b.reshape(b.gemm(d2(), m, { transB: true }), left));
    at.giveProduct(1, () => [b.reshape(x, [rows, k]), d2()]);
    return;
  }
  at.give(0, () => b.unbroadcast(b.matmul(at.d(), b.swap(m)), left));
  at.give(1, () => b.unbroadcast(b.matmul(b.swap(x), at.d()), right));
};

/**
 * y = alpha a' b' + beta c, with a' = a or transpose(a), b' likewise. For alpha = 1:
 * da = d transpose(b'), transposed again for transA; db = transpose(a') d, or its transpose
 * transpose(d) a' for transB; dc = ub(beta d).
 */
export const gemm: Rule = (at) => {
  const { b, node } = at;
  const [x = '', m = ''] = node.inputs;
  const alpha = floatAttribute(node, 'alpha') ?? 1;
  const beta = floatAttribute(node, 'beta') ?? 1;
  const transA = intAttribute(node, 'transA') === 1;
  const transB = intAttribute(node, 'transB') === 1;
  const scaled = (): string => b.scale(at.d(), alpha);
  at.give(0, () =>
    transA
      ? b.gemm(m, scaled(), { transA: transB, transB: true })
      : b.gemm(scaled(), m, { transB: !transB }),
  );
  at.giveProduct(1, () => {
    const rows = transA ? b.transpose(x, [1, 0]) : x;
    return transB ? [scaled(), rows] : [rows, scaled()];
  });
  at.give(2, () => b.scale(b.unbroadcast(at.d(), b.dims(node.inputs[2] ?? '')), beta));
};

/** The three terms of an Einsum of two operands: what indices each has. */
interface Equation {
  a: string;
  b: string;
  out: string;
}

function equationOf(at: RuleContext): Equation {
  const attribute = at.node.attributes.get('equation');
  const text =
    attribute?.kind === 'string'
      ? new TextDecoder().decode(attribute.value).replaceAll(' ', '')
      : '';
  const match = /^([A-Za-z]+),([A-Za-z]+)->([A-Za-z]+)$/.exec(text);
  const [, a = '', b = '', out = ''] = match ?? [];
  const once = (indices: string): boolean => new Set(indices).size === indices.length;
  const reachable = (to: string, x: string, y: string): boolean =>
    [...to].every((index) => x.includes(index) || y.includes(index));
  if (![a, b, out].every(once) || !reachable(a, out, b) || !reachable(b, out, a) || !match)
    throw unknownForm(at.node, `with the equation "${text}"`);
  return { a, b, out };
}

/** y = einsum('A,B->Y'): da = einsum('Y,B->A'), db = einsum('Y,A->B') */
export const einsum: Rule = (at) => {
  const { b, node } = at;
  const { a: first, b: second, out } = equationOf(at);
  const [x = '', y = ''] = node.inputs;
  at.give(0, () =>
    b.op('Einsum', [at.d(), y], b.dims(x), { equation: `${out},${second}->${first}` }),
  );
  at.give(1, () =>
    b.op('Einsum', [at.d(), x], b.dims(y), { equation: `${out},${first}->${second}` }),
  );
};
