// Rules of softmax and of the norms. Means are over the last axis; statistics are computed again.

import { floatAttribute, intAttribute, type Node } from '../../onnx/graph.ts';
import type { Builder } from '../build/builder.ts';
import { axisOf } from '../build/dims.ts';
import { type Rule, type RuleContext, unknownForm } from './rule.ts';

/** Up to operator set 12 all axes from `axis` on were one, by default those from 1 on. */
function softmaxAxis(b: Builder, node: Node): number {
  const rank = b.dims(node.outputs[0] ?? '').length;
  const axis = axisOf(intAttribute(node, 'axis') ?? (b.opset >= 13 ? -1 : 1), rank);
  if (b.opset < 13 && axis !== rank - 1) throw unknownForm(node, 'over several axes');
  return axis;
}

/** y = softmax(x) along an axis: p = d y, dx = p - y sum(p) */
export const softmax: Rule = ({ b, ...at }) => {
  const y = at.node.outputs[0] ?? '';
  const axis = softmaxAxis(b, at.node);
  at.give(0, () => {
    const p = b.mul(at.d(), y);
    return b.sub(p, b.mul(y, b.sum(p, [axis])));
  });
};

/** y = x - log(sum(exp(x))) along an axis: dx = d - exp(y) sum(d) */
export const logSoftmax: Rule = ({ b, ...at }) => {
  const y = at.node.outputs[0] ?? '';
  const axis = softmaxAxis(b, at.node);
  at.give(0, () => b.sub(at.d(), b.mul(b.unary('Exp', y), b.sum(at.d(), [axis]))));
};

function requireLastAxis({ b, node }: RuleContext): void {
  const rank = b.dims(node.inputs[0] ?? '').length;
  if (axisOf(intAttribute(node, 'axis') ?? -1, rank) !== rank - 1)
    throw unknownForm(node, 'over several axes');
}

/** (mean(v^2) + epsilon)^(-1/2), (.., 1) */
function inverseRoot(b: Builder, v: string, node: Node): string {
  const epsilon = floatAttribute(node, 'epsilon') ?? 1e-5;
  return b.unary('Reciprocal', b.unary('Sqrt', b.shift(b.mean(b.mul(v, v), [-1]), epsilon)));
}

/**
 * y = x r gamma, r = (mean(x^2) + epsilon)^(-1/2). With h = x r and u = d gamma:
 * dx = r (u - h mean(u h)), dgamma = ub(d h)
 */
export const rmsNorm: Rule = (at) => {
  requireLastAxis(at);
  const { b, node } = at;
  const [x = '', gamma = ''] = node.inputs;
  const r = inverseRoot(b, x, node);
  const h = b.mul(x, r);
  at.give(0, () => {
    const u = b.mul(at.d(), gamma);
    return b.mul(r, b.sub(u, b.mul(h, b.mean(b.mul(u, h), [-1]))));
  });
  at.give(1, () => b.unbroadcast(b.mul(at.d(), h), b.dims(gamma)));
};

/**
 * y = c r gamma + beta, c = x - mean(x), r = (mean(c^2) + epsilon)^(-1/2). With h = c r and
 * u = d gamma: dx = r (u - mean(u) - h mean(u h)), dgamma = ub(d h), dbeta = ub(d)
 */
export const layerNorm: Rule = (at) => {
  requireLastAxis(at);
  const { b, node } = at;
  const [x = '', gamma = '', beta = ''] = node.inputs;
  const c = b.sub(x, b.mean(x, [-1]));
  const r = inverseRoot(b, c, node);
  const h = b.mul(c, r);
  at.give(0, () => {
    const u = b.mul(at.d(), gamma);
    const level = b.sub(u, b.mean(u, [-1]));
    return b.mul(r, b.sub(level, b.mul(h, b.mean(b.mul(u, h), [-1]))));
  });
  at.give(1, () => b.unbroadcast(b.mul(at.d(), h), b.dims(gamma)));
  at.give(2, () => b.unbroadcast(at.d(), b.dims(beta)));
};

/** y = x / n, n = sqrt(sum(x^2)) along an axis: dx = (d - y sum(d y)) / n; of p = 2 */
export const lpNorm: Rule = ({ b, ...at }) => {
  const { node } = at;
  if ((intAttribute(node, 'p') ?? 2) !== 2) throw unknownForm(node, 'for another p than 2');
  const [x = '', y = ''] = [node.inputs[0], node.outputs[0]];
  const axis = axisOf(intAttribute(node, 'axis') ?? -1, b.dims(x).length);
  at.give(0, () => {
    const n = b.unary('Sqrt', b.sum(b.mul(x, x), [axis]));
    return b.div(b.sub(at.d(), b.mul(y, b.sum(b.mul(at.d(), y), [axis]))), n);
  });
};
