// Rules of elementwise operators. d is the gradient of the output y; ub sums over broadcast axes.

import type { Rule, RuleContext } from './rule.ts';
import { unknownForm } from './rule.ts';

const operand = (at: RuleContext, k: number): string => at.node.inputs[k] ?? '';
const result = (at: RuleContext): string => at.node.outputs[0] ?? '';

/** Adds a gradient of the dims of y to an input that was broadcast to them: ub(v). */
function giveBroadcast(at: RuleContext, input: number, gradient: () => string): void {
  at.give(input, () => at.b.unbroadcast(gradient(), at.b.dims(operand(at, input))));
}

/** y = a + b: da = ub(d), db = ub(d) */
export const add: Rule = (at) => {
  for (const k of [0, 1]) giveBroadcast(at, k, () => at.d());
};

/** y = sum of all inputs: each gets ub(d) */
export const addAll: Rule = (at) => {
  for (const k of at.node.inputs.keys()) giveBroadcast(at, k, () => at.d());
};

/** y = a - b: da = ub(d), db = ub(-d) */
export const sub: Rule = (at) => {
  giveBroadcast(at, 0, () => at.d());
  giveBroadcast(at, 1, () => at.b.unary('Neg', at.d()));
};

/** y = a b: da = ub(d b), db = ub(d a) */
export const mul: Rule = (at) => {
  for (const k of [0, 1]) giveBroadcast(at, k, () => at.b.mul(at.d(), operand(at, 1 - k)));
};

/** y = a / b: da = ub(d / b), db = ub(-d y / b) */
export const div: Rule = (at) => {
  const { b } = at;
  giveBroadcast(at, 0, () => b.div(at.d(), operand(at, 1)));
  giveBroadcast(at, 1, () => b.unary('Neg', b.div(b.mul(at.d(), result(at)), operand(at, 1))));
};

/** y = -x: dx = -d */
export const neg: Rule = (at) => at.give(0, () => at.b.unary('Neg', at.d()));

/** y = x: dx = d */
export const identity: Rule = (at) => at.give(0, () => at.d());

/** y = x in another type: dx = d in the type of x */
export const cast: Rule = (at) => at.give(0, () => at.b.cast(at.d(), at.b.type(operand(at, 0))));

/** y = 1 / (1 + exp(-x)): dx = d y (1 - y) */
export const sigmoid: Rule = ({ b, ...at }) =>
  at.give(0, () => {
    const y = at.node.outputs[0] ?? '';
    return b.mul(at.d(), b.mul(y, b.sub(b.scalar(1, b.type(y)), y)));
  });

/** y = tanh(x): dx = d (1 - y^2) */
export const tanh: Rule = ({ b, ...at }) =>
  at.give(0, () => {
    const y = at.node.outputs[0] ?? '';
    return b.mul(at.d(), b.sub(b.scalar(1, b.type(y)), b.mul(y, y)));
  });

/** y = erf(x): dx = d 2 / sqrt(pi) exp(-x^2) */
export const erf: Rule = ({ b, ...at }) =>
  at.give(0, () => {
    const x = at.node.inputs[0] ?? '';
    const bell = b.unary('Exp', b.unary('Neg', b.mul(x, x)));
    return b.mul(at.d(), b.scale(bell, 2 / Math.sqrt(Math.PI)));
  });

/** y = max(x, 0): dx = d where x > 0, else 0 */
export const relu: Rule = ({ b, ...at }) =>
  at.give(0, () => {
    const x = at.node.inputs[0] ?? '';
    const zero = b.scalar(0, b.type(x));
    return b.where(b.compare('Greater', x, zero), at.d(), zero);
  });

/** y = log(1 + exp(x)): dx = d / (1 + exp(-x)) */
export const softplus: Rule = ({ b, ...at }) =>
  at.give(0, () => b.mul(at.d(), b.unary('Sigmoid', at.node.inputs[0] ?? '')));

/** y = exp(x): dx = d y */
export const exp: Rule = (at) => at.give(0, () => at.b.mul(at.d(), result(at)));

/** y = log(x): dx = d / x */
export const log: Rule = (at) => at.give(0, () => at.b.div(at.d(), operand(at, 0)));

/** y = sin(x): dx = d cos(x) */
export const sin: Rule = (at) =>
  at.give(0, () => at.b.mul(at.d(), at.b.unary('Cos', operand(at, 0))));

/** y = cos(x): dx = -d sin(x) */
export const cos: Rule = ({ b, ...at }) =>
  at.give(0, () => b.unary('Neg', b.mul(at.d(), b.unary('Sin', at.node.inputs[0] ?? ''))));

/** y = sqrt(x): dx = d / (2 y) */
export const sqrt: Rule = (at) => at.give(0, () => at.b.div(at.b.scale(at.d(), 0.5), result(at)));

/** y = 1 / x: dx = -d y^2 */
export const reciprocal: Rule = ({ b, ...at }) =>
  at.give(0, () => {
    const y = at.node.outputs[0] ?? '';
    return b.unary('Neg', b.mul(at.d(), b.mul(y, y)));
  });

/** y = |x|: dx = d where x > 0, -d where x < 0, 0 at 0 */
export const abs: Rule = ({ b, ...at }) =>
  at.give(0, () => {
    const x = at.node.inputs[0] ?? '';
    const zero = b.scalar(0, b.type(x));
    const negative = b.where(b.compare('Less', x, zero), b.unary('Neg', at.d()), zero);
    return b.where(b.compare('Greater', x, zero), at.d(), negative);
  });

/**
 * y = x^p with the same constant p in every element: dx = d p x^(p - 1), as products for p = 2 and
 * 3 (Pow of a negative base is not a number on some devices), by the root for p = 0.5 and -0.5,
 * else with y / x in place of the power.
 */
export const pow: Rule = ({ b, ...at }) => {
  const powers = at.known(1);
  const p = powers?.[0];
  if (p === undefined || powers?.some((other) => other !== p))
    throw unknownForm(at.node, 'with an exponent that is no constant');
  if (at.wants(1)) throw unknownForm(at.node, 'with respect to its exponent');
  at.give(0, () => {
    const [x = '', y = ''] = [at.node.inputs[0], at.node.outputs[0]];
    const down = (v: string): string => b.unbroadcast(b.mul(at.d(), v), b.dims(x));
    if (p === 1) return b.unbroadcast(at.d(), b.dims(x));
    if (p === 2) return down(b.scale(x, 2));
    if (p === 3) return down(b.scale(b.mul(x, x), 3));
    if (p === 0.5) return down(b.div(b.scalar(0.5, b.type(x)), y));
    return down(b.scale(b.div(y, x), p));
  });
};

/**
 * y = x between two bounds: dx = d where the bounds leave x as it is, else 0. Max and Min with a
 * constant are the same with one bound.
 */
export const clip: Rule = ({ b, ...at }) => {
  for (const k of [1, 2]) if (at.wants(k)) throw unknownForm(at.node, 'with respect to its bounds');
  at.give(0, () => {
    const [x = '', y = ''] = [at.node.inputs[0], at.node.outputs[0]];
    return b.where(b.compare('Equal', x, y), at.d(), b.scalar(0, b.type(x)));
  });
};

/** y = max(a, b) or min(a, b): d goes where the input is the result, to both on a tie */
export const extreme: Rule = ({ b, ...at }) => {
  const y = at.node.outputs[0] ?? '';
  at.node.inputs.forEach((x, k) => {
    at.give(k, () => {
      const taken = b.where(b.compare('Equal', x, y), at.d(), b.scalar(0, b.type(x)));
      return b.unbroadcast(taken, b.dims(x));
    });
  });
};

/** y = a where c, else b: da = ub(d where c, else 0), db = ub(0 where c, else d) */
export const where: Rule = ({ b, ...at }) => {
  const [c = '', x = '', y = ''] = at.node.inputs;
  const zero = (): string => b.scalar(0, b.type(at.d()));
  at.give(1, () => b.unbroadcast(b.where(c, at.d(), zero()), b.dims(x)));
  at.give(2, () => b.unbroadcast(b.where(c, zero(), at.d()), b.dims(y)));
};
