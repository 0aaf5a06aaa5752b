// Operators that pass something along the positions, for a whole window at once: sums, short
// convolutions and linear attention. Formulas: onnxruntime/docs/ContribOperators.md.

import { type DataType, elementCount } from '../../onnx/graph.ts';
import type { Builder } from '../build/builder.ts';
import { axisOf } from '../build/dims.ts';
import { silu } from './activations.ts';
import type { Decomposition, Fused } from './fused.ts';
import { MASKED, triangle } from './masks.ts';

/** y(t) = sum over j of w(j) x(t - (k - 1 - j) dilation), by channel, the state before x. */
const causalConv: Decomposition = (at) => {
  const { b } = at;
  if (at.int('ndim', 1) !== 1 || at.int('channels_last', 0) === 1)
    at.fail('it has more than one axis, or its channels are last');
  if (at.int('state_window', 0) > 0) at.fail('it keeps states of several positions');
  const [batch = 0, channels = 0, length = 0] = at.at(0).dims;
  const [kernel, dilation] = [at.dim(1, 2), at.int('dilation', 1)];
  const reach = (kernel - 1) * dilation;
  const type = b.type(at.name(0));
  const before = at.has(3) ? at.name(3) : b.zeros([batch, channels, reach], type);
  const padded = reach > 0 ? b.concat([before, at.name(0)], 2) : at.name(0);
  const y = taps(at, padded, dilation, length);
  const kind = at.text('activation', 'none');
  if (!['none', '', 'silu', 'swish'].includes(kind)) at.fail(`its activation is ${kind}`);
  const state = reach > 0 ? [b.slice(padded, 2, length, length + reach)] : [];
  return [kind.startsWith('s') ? silu(b, y) : y, ...state];
};

/** The sum of shifted products of (B, C, positions) with each tap of (C, 1, k), plus a bias (C). */
function taps(at: Fused, padded: string, dilation: number, length: number): string {
  const { b } = at;
  const [channels, kernel] = [at.dim(1, 0), at.dim(1, 2)];
  const terms = Array.from({ length: kernel }, (_, j) => {
    const x = b.slice(padded, 2, j * dilation, j * dilation + length);
    return b.mul(x, b.reshape(b.slice(at.name(1), 2, j, j + 1), [1, channels, 1]));
  });
  const sum = terms.reduce((a, c) => b.add(a, c));
  return at.has(2) ? b.add(sum, b.reshape(at.name(2), [1, channels, 1])) : sum;
}

/** A convolution along one axis in which every channel has a kernel of its own. */
const channelwiseConv: Decomposition = (at) => {
  const [, channels = 0, length = 0] = at.at(0).dims;
  const [out = 0, inner = 0, kernel = 0] = at.at(1).dims;
  const one = (name: string, otherwise: number): number => at.ints(name)?.[0] ?? otherwise;
  const along = at.at(0).dims.length === 3 && out === channels && inner === 1;
  if (!along || one('strides', 1) !== 1 || at.text('auto_pad', 'NOTSET') !== 'NOTSET')
    at.fail('its channels are mixed, or it has strides or more than one axis');
  const [before = 0, after = 0] = at.ints('pads') ?? [];
  const dilation = one('dilations', 1);
  const padded = at.b.pad(at.name(0), 2, before, after);
  return [taps(at, padded, dilation, length + before + after - (kernel - 1) * dilation)];
};

/** Sums along an axis as a product with a triangle of ones. */
const cumulative: Decomposition = (at) => {
  const { b } = at;
  const { dims } = at.at(0);
  const axis = axisOf(at.content(1)[0] ?? 0, dims.length);
  const n = dims[axis] as number;
  const rows = b.reshape(at.name(0), [
    elementCount(dims.slice(0, axis)),
    n,
    elementCount(dims.slice(axis + 1)),
  ]);
  const exclusive = at.int('exclusive', 0);
  const ones = (below: number, above: number, diagonal: number): string =>
    triangle(b, b.type(rows), [n, n], { below, above, diagonal });
  const taken = at.int('reverse', 0) === 1 ? ones(0, 1, exclusive - 1) : ones(1, 0, -exclusive);
  return [b.reshape(b.matmul(b.reshape(taken, [1, n, n]), rows), dims)];
};

/**
 * Linear attention in closed form over the window. With G(t) the sum of the log decays up to t,
 * the state is S(t) = exp G(t) S(0) + sum over i <= t of exp(G(t) - G(i)) k(i) u(i)', and
 * u = beta (v - what the decayed state holds for k): (I + A) u = beta (v - exp G k' S(0)) with
 * A(t, i) = beta(t) exp(G(t) - G(i)) k(t)'k(i) for i < t. Rules without a correction have u = v.
 * @source Yang et al., "Gated Delta Networks", arXiv 2412.06464, section 3 (the chunk is the
 * window)
 */
const linearAttention: Decomposition = (at) => {
  const { b } = at;
  if (at.int('state_window', 0) > 0) at.fail('it keeps states of several positions');
  const rule = at.text('update_rule', 'gated_delta');
  if (!['linear', 'gated', 'delta', 'gated_delta'].includes(rule)) at.fail(`its rule is ${rule}`);
  const [gated, corrected] = [rule.startsWith('gated'), rule.endsWith('delta')];
  const [heads, groups] = [at.requiredInt('q_num_heads'), at.requiredInt('kv_num_heads')];
  const [, length = 0, width = 0] = at.at(0).dims;
  const size = width / heads;
  const out = Math.max(heads, groups);
  const q = repeated(b, byHead(b, at.name(0), heads), out);
  // Several heads of values may share the key of one.
  const k = repeated(b, byHead(b, at.name(1), at.dim(1, 2) / size), groups);
  const v = byHead(b, at.name(2), groups);
  const sums = gated ? logDecays(at, groups, length) : null;
  const decays = decayMatrix(b, sums, length, b.type(q));
  const state = at.has(3) ? at.name(3) : null;
  const fromState = (x: string): string | null => {
    if (state === null) return null;
    const same = b.dims(x)[1] === groups ? state : repeated(b, state, out);
    const read = b.matmul(x, same);
    if (sums === null) return read;
    const since = b.unary('Exp', sums);
    return b.mul(read, b.dims(x)[1] === groups ? since : repeated(b, since, out));
  };
  let u = v;
  if (corrected) {
    const beta = byHead(b, at.name(5), at.dim(5, 2));
    const held = fromState(k);
    const wanted = b.mul(held === null ? v : b.sub(v, held), beta);
    const pull = b.mul(b.mul(b.matmul(k, b.swap(k)), decays.before), beta);
    u = b.matmul(unitInverse(b, pull), wanted);
  }
  const shares = b.mul(b.matmul(q, b.swap(repeated(b, k, out))), repeated(b, decays.upTo, out));
  const within = b.matmul(shares, repeated(b, u, out));
  const past = fromState(q);
  const y = b.scale(
    past === null ? within : b.add(within, past),
    at.float('scale', 0) || 1 / Math.sqrt(size),
  );
  const [batch = 0, , , valueSize = 0] = b.dims(y);
  return [b.reshape(b.transpose(y, [0, 2, 1, 3]), [batch, length, out * valueSize])];
};

/** (B, T, heads size) as (B, heads, T, size). */
function byHead(b: Builder, x: string, heads: number): string {
  const [batch = 0, length = 0, width = 0] = b.dims(x);
  return b.transpose(b.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** Every head of axis 1 repeated, neighbours together, until there are `heads`. */
function repeated(b: Builder, x: string, heads: number): string {
  const [batch = 0, own = 0, ...rest] = b.dims(x);
  if (own === heads || own === 1) return x;
  const spread = b.expand(b.reshape(x, [batch, own, 1, ...rest]), [
    batch,
    own,
    heads / own,
    ...rest,
  ]);
  return b.reshape(spread, [batch, heads, ...rest]);
}

/** Sums of the log decays up to and with each position, (B, heads, T, 1). */
function logDecays(at: Fused, groups: number, length: number): string {
  const { b } = at;
  if (at.dim(4, 2) !== groups) at.fail('it has a decay for every element of a key');
  const decay = byHead(b, at.name(4), groups);
  const ones = triangle(b, b.type(decay), [length, length], { below: 1, above: 0 });
  return b.matmul(ones, decay);
}

/** exp(G(t) - G(i)) for i <= t and for i < t, zeros elsewhere: (B, heads, T, T) or (1, 1, T, T). */
function decayMatrix(
  b: Builder,
  sums: string | null,
  length: number,
  type: DataType,
): { upTo: string; before: string } {
  const size = [length, length] as const;
  const before = triangle(b, type, size, { below: 1, above: 0, diagonal: -1 });
  if (sums === null) return { upTo: triangle(b, type, size, { below: 1, above: 0 }), before };
  // What is masked must not overflow: it gets a large negative exponent.
  const later = triangle(b, type, size, { below: 0, above: MASKED });
  const exponent = b.add(b.sub(sums, b.swap(sums)), later);
  const upTo = b.unary('Exp', exponent);
  return { upTo, before: b.mul(upTo, before) };
}

/**
 * inverse(I + A) for A strictly lower triangular, (.., n, n), by halves: of ((P, 0), (A, Q)) it is
 * ((P', 0), (-Q' A P', Q')). Blocks of one size are computed together.
 */
function unitInverse(b: Builder, a: string): string {
  const dims = b.dims(a);
  const n = dims.at(-1) as number;
  const lead = dims.slice(0, -2);
  const rank = lead.length;
  let size = 1;
  while (size < n) size *= 2;
  const full = b.pad(b.pad(a, rank, 0, size - n), rank + 1, 0, size - n);
  const type = b.type(a);
  // The inverses of blocks of one element: (.., blocks, m, m).
  let inverse = b.expand(b.constant(type, [1, 1], [1]), [...lead, size, 1, 1]);
  for (let m = 1; m < size; m *= 2) {
    const count = size / (2 * m);
    const pairs = b.reshape(inverse, [...lead, count, 2, m, m]);
    const half = (k: number): string =>
      b.reshape(b.slice(pairs, rank + 1, k, k + 1), [...lead, count, m, m]);
    const [upper, lower] = [half(0), half(1)];
    const corner = diagonalBlocks(b, full, m);
    const left = b.unary('Neg', b.matmul(b.matmul(lower, corner), upper));
    const zeros = b.zeros([...lead, count, m, m], type);
    inverse = b.concat(
      [b.concat([upper, zeros], rank + 2), b.concat([left, lower], rank + 2)],
      rank + 1,
    );
  }
  const whole = b.reshape(inverse, [...lead, size, size]);
  return b.slice(b.slice(whole, rank, 0, n), rank + 1, 0, n);
}

/** The lower left (m, m) of each (2 m, 2 m) on the diagonal of (.., n, n): (.., n / 2 m, m, m). */
function diagonalBlocks(b: Builder, a: string, m: number): string {
  const dims = b.dims(a);
  const lead = dims.slice(0, -2);
  const rank = lead.length;
  const count = (dims.at(-1) as number) / (2 * m);
  // (.., p, half, i, q, half, j): rows of the lower half, columns of the left one, p = q.
  const split = b.reshape(a, [...lead, count, 2, m, count, 2, m]);
  const rows = b.slice(split, rank + 1, 1, 2);
  const corner = b.reshape(b.slice(rows, rank + 4, 0, 1), [...lead, count, m, count, m]);
  const same = b.constant(
    b.type(a),
    [count, 1, count, 1],
    Array.from({ length: count * count }, (_, k) => Number(Math.floor(k / count) === k % count)),
  );
  return b.sum(b.mul(corner, same), [rank + 2], false);
}

export const RECURRENT: Readonly<Record<string, Decomposition>> = {
  Conv: channelwiseConv,
  CumSum: cumulative,
  'com.microsoft.CausalConvWithState': causalConv,
  'com.microsoft.LinearAttention': linearAttention,
};
