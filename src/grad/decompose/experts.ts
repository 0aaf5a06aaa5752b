// Experts computed for every token and weighted, those that the router did not choose with zero:
// the same numbers and gradients as routing, at the cost of all experts. Formulas:
// onnxruntime/docs/ContribOperators.md (MoE).

import { DataType, elementCount } from '../../onnx/graph.ts';
import { silu, tanhGelu } from './activations.ts';
import type { Decomposition, Fused } from './fused.ts';

const moe: Decomposition = (at) => {
  const { b } = at;
  at.without(6, 'a third matrix for each expert');
  if (at.int('use_sparse_mixer', 0) === 1) at.fail('it mixes its experts sparsely');
  const { dims } = at.at(0);
  const width = dims.at(-1) as number;
  const tokens = elementCount(dims.slice(0, -1));
  const [experts = 0, inner = 0] = at.at(2).dims;
  // Tokens are columns, so that no matrix of the experts is transposed: (E, n, T).
  const columns = b.transpose(b.reshape(at.name(0), [tokens, width]), [1, 0]);
  const biased = (y: string, k: number, size: number): string =>
    at.has(k) ? b.add(y, b.reshape(at.name(k), [experts, size, 1])) : y;
  const first = biased(b.matmul(at.name(2), columns), 3, inner);
  const hidden = activated(at, first);
  const second = biased(b.matmul(at.name(4), hidden), 5, width);
  const weights = b.reshape(b.transpose(routing(at), [1, 0]), [experts, 1, tokens]);
  const sum = b.reshape(b.sum(b.mul(second, weights), [0]), [width, tokens]);
  return [b.reshape(b.transpose(sum, [1, 0]), dims)];
};

/** The weight of each expert for each token, (T, E): the k largest of the softmax, others 0. */
function routing(at: Fused): string {
  const { b } = at;
  const logits = at.name(1);
  const [tokens = 0] = at.at(1).dims;
  const count = at.int('k', 1);
  const kept = [tokens, count];
  const [values = ''] = b.ops(
    'TopK',
    [logits, b.ints([count])],
    [
      { type: b.type(logits), dims: kept },
      { type: DataType.int64, dims: kept },
    ],
    { axis: -1 },
  );
  const least = b.slice(values, 1, count - 1, count);
  const chosen = b.compare('GreaterOrEqual', logits, least);
  const type = b.type(logits);
  if (at.int('normalize_routing_weights', 0) === 1) {
    const among = b.where(chosen, logits, b.scalar(-1e30, type));
    return b.unary('Softmax', among, { axis: -1 });
  }
  return b.where(chosen, b.unary('Softmax', logits, { axis: -1 }), b.scalar(0, type));
}

/** The activation of (E, n, T), where n may hold gate and value of each unit. */
function activated(at: Fused, x: string): string {
  const { b } = at;
  const kind = at.text('activation_type', 'relu');
  if (kind === 'swiglu') return swiglu(at, x);
  if (kind === 'relu') return b.unary('Relu', x);
  // The kernels compute it by tanh.
  if (kind === 'gelu') return tanhGelu(b, x);
  if (kind === 'silu') return silu(b, x);
  return kind === 'identity' ? x : at.fail(`its activation is ${kind}`);
}

/**
 * min(g, limit) sigmoid(alpha g) (clamp(l, limit) + beta), g and l in turn or one after the other.
 */
function swiglu(at: Fused, x: string): string {
  const { b } = at;
  const fusion = at.int('swiglu_fusion', 0);
  if (fusion === 0 || at.int('swiglu_limit_after_activation', 0) === 1)
    at.fail('its gates lie in a matrix of their own, or are clipped after the activation');
  const [experts = 0, both = 0, tokens = 0] = b.dims(x);
  const units = both / 2;
  const axis = fusion === 1 ? 2 : 1;
  const pairs = b.reshape(x, [experts, ...(axis === 2 ? [units, 2] : [2, units]), tokens]);
  const [gate, value] = [0, 1].map((k) =>
    clipped(at, b.reshape(b.slice(pairs, axis, k, k + 1), [experts, units, tokens]), k === 1),
  ) as [string, string];
  const alpha = at.float('activation_alpha', 1);
  return b.mul(silu(b, gate, alpha), b.shift(value, at.float('activation_beta', 0)));
}

/** x up to the limit, and down to its negative where `both`. */
function clipped(at: Fused, x: string, both: boolean): string {
  const { b } = at;
  const limit = at.float('swiglu_limit', Infinity);
  if (limit === Infinity) return x;
  const [low, high] = [-limit, limit].map((bound) => b.scalar(bound, b.type(x)));
  return b.op('Clip', [x, both ? (low as string) : '', high as string], b.dims(x));
}

export const EXPERTS: Readonly<Record<string, Decomposition>> = { 'com.microsoft.MoE': moe };
