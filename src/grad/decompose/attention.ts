// Attention operators out of primitive ones. Formulas: onnx/docs/Operators.md (Attention) and
// onnxruntime/docs/ContribOperators.md (GroupQueryAttention, MultiHeadAttention, Attention).

import { DataType } from '../../onnx/graph.ts';
import type { Builder } from '../build/builder.ts';
import { rmsNorm } from './activations.ts';
import type { Decomposition, Fused } from './fused.ts';
import { causalMask, MASKED } from './masks.ts';
import { anglesFrom, rotate } from './rotary.ts';

interface Scores {
  scale: number;
  /** s = c tanh(s / c); 0 without. */
  softcap?: number;
  /** Added to the scores, each broadcast to (B, heads, S, T). */
  masks?: readonly (string | null)[];
  /** (heads): one more logit for each head, whose share of the softmax is dropped. */
  sink?: string | null;
}

/**
 * softmax(scale q k' + masks) v for q (B, H, S, d), k (B, K, T, d), v (B, K, T, e): (B, H, S, e).
 * Heads of one group share a matrix product, so that nothing is repeated: head h reads group
 * h K / H.
 */
function attend(b: Builder, q: string, k: string, v: string, options: Scores): string {
  const [batch = 0, heads = 0, length = 0, size = 0] = b.dims(q);
  const [, groups = 0, total = 0] = b.dims(k);
  const rows = (heads / groups) * length;
  const grouped = b.reshape(b.scale(q, options.scale), [batch, groups, rows, size]);
  let s = b.reshape(b.matmul(grouped, b.swap(k)), [batch, heads, length, total]);
  const cap = options.softcap ?? 0;
  if (cap > 0) s = b.scale(b.unary('Tanh', b.scale(s, 1 / cap)), cap);
  for (const mask of options.masks ?? []) if (mask !== null) s = b.add(s, mask);
  const sink = options.sink ?? null;
  if (sink !== null) {
    const column = b.expand(b.reshape(sink, [1, heads, 1, 1]), [batch, heads, length, 1]);
    s = b.concat([s, column], 3);
  }
  const shares = b.slice(b.unary('Softmax', s, { axis: -1 }), 3, 0, total);
  const mixed = b.matmul(b.reshape(shares, [batch, groups, rows, total]), v);
  return b.reshape(mixed, [batch, heads, length, b.dims(v)[3] as number]);
}

/** (B, S, heads size) as (B, heads, S, size). */
function apart(b: Builder, x: string, heads: number): string {
  const [batch = 0, length = 0, width = 0] = b.dims(x);
  return b.transpose(b.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** (B, heads, S, size) as (B, S, heads size). */
function together(b: Builder, x: string): string {
  const [batch = 0, heads = 0, length = 0, size = 0] = b.dims(x);
  return b.reshape(b.transpose(x, [0, 2, 1, 3]), [batch, length, heads * size]);
}

const groupQuery: Decomposition = (at) => {
  const { b } = at;
  const [heads, groups] = [at.requiredInt('num_heads'), at.requiredInt('kv_num_heads')];
  at.withoutPast(3, 2);
  at.without(12, 'a quantised cache');
  at.without(16, 'the length of each query');
  if (at.node.outputs[3]) at.fail('it gives out its scores');
  const [, length = 0, width = 0] = at.at(0).dims;
  const lengths = at.maybe(5)?.data;
  if (lengths?.some((last) => last !== length - 1)) at.fail('its rows have different lengths');
  const size = width / (at.has(1) ? heads : heads + 2 * groups);
  const packed = (from: number, to: number): string =>
    b.slice(at.name(0), 2, from * size, to * size);
  const operands = at.has(1)
    ? [at.name(0), at.name(1), at.name(2)]
    : [packed(0, heads), packed(heads, heads + groups), packed(heads + groups, heads + 2 * groups)];
  let [q, k] = [apart(b, operands[0] as string, heads), apart(b, operands[1] as string, groups)];
  const v = apart(b, operands[2] as string, groups);
  if (at.has(14)) {
    const shared = at.float('qk_norm_epsilon', 1e-6);
    q = rmsNorm(b, q, at.name(14), at.float('q_norm_epsilon', shared));
    k = rmsNorm(b, k, at.name(15), at.float('k_norm_epsilon', shared));
  }
  if (at.int('do_rotary', 0) === 1) {
    const first = at.has(9) ? (at.content(9)[0] ?? 0) : 0;
    const angles = anglesFrom(b, [at.name(7), at.name(8)], first, length);
    const interleaved = at.int('rotary_interleaved', 0) === 1;
    [q, k] = [rotate(b, q, angles, interleaved), rotate(b, k, angles, interleaved)];
  }
  const window = at.int('local_window_size', -1);
  const causal = at.int('causal', 1) === 1;
  const smooth = at.int('smooth_softmax', 0) === 1;
  const type = b.type(q);
  const zeros = (): string => b.constant(type, [heads], Array<number>(heads).fill(0));
  const y = attend(b, q, k, v, {
    scale: at.float('scale', 0) || 1 / Math.sqrt(size),
    softcap: at.float('softcap', 0),
    masks: [
      causal ? causalMask(b, type, [length, length], window) : null,
      at.has(10) ? bias(at, 10, length) : null,
    ],
    sink: sinkOf(at, smooth ? zeros : null),
  });
  return [together(b, y), k, v];
};

function sinkOf(at: Fused, smooth: (() => string) | null): string | null {
  return at.has(11) ? at.name(11) : (smooth?.() ?? null);
}

/** A bias of the scores, cut to the keys that there are. */
function bias(at: Fused, k: number, total: number): string {
  const dims = at.at(k).dims;
  return at.b.slice(at.name(k), dims.length - 1, 0, total);
}

/** A mask added to the scores: booleans and integers say what is seen. */
function additive(b: Builder, mask: string, type: DataType, masked = MASKED): string {
  if (b.type(mask) === type) return mask;
  const seen = b.cast(mask, DataType.bool);
  return b.where(seen, b.scalar(0, type), b.scalar(masked, type));
}

/** ai.onnx Attention, of (B, heads, S, size) or of (B, S, heads size). */
const standard: Decomposition = (at) => {
  const { b } = at;
  at.withoutPast(4, 2);
  at.without(6, 'the length of each row');
  if (at.node.outputs[3]) at.fail('it gives out its scores');
  const four = at.at(0).dims.length === 4;
  const operand = (k: number, heads: string): string =>
    four ? at.name(k) : apart(b, at.name(k), at.requiredInt(heads));
  const q = operand(0, 'q_num_heads');
  const [k, v] = [operand(1, 'kv_num_heads'), operand(2, 'kv_num_heads')];
  const [, , length = 0, size = 0] = b.dims(q);
  const total = b.dims(k)[2] as number;
  const type = b.type(q);
  const causal = at.int('is_causal', 0) === 1;
  const y = attend(b, q, k, v, {
    scale: at.float('scale', 0) || 1 / Math.sqrt(size),
    softcap: at.float('softcap', 0),
    masks: [
      causal ? causalMask(b, type, [length, total]) : null,
      at.has(3) ? additive(b, at.name(3), type) : null,
    ],
  });
  return [four ? y : together(b, y), k, v];
};

/** A padding mask (B, T) or (B, S, T), with as many axes as the scores; null where all is seen. */
function padding(at: Fused, k: number, type: DataType): string | null {
  const value = at.maybe(k);
  if (!value || value.data?.every((seen) => seen === 1)) return null;
  const [batch = 0, ...rest] = value.dims;
  if (rest.length < 1 || rest.length > 2) at.fail('its mask is a list of lengths');
  const dims = [batch, 1, ...(rest.length === 1 ? [1] : []), ...rest];
  const mask = at.b.reshape(at.name(k), dims);
  return additive(at.b, mask, type, at.float('mask_filter_value', -10000));
}

/** What MultiHeadAttention and Attention of com.microsoft share, for q, k, v by heads. */
function withPadding(
  at: Fused,
  [q, k, v]: readonly [string, string, string],
  mask: number,
  scores: number,
): readonly string[] {
  const { b } = at;
  const [, , length = 0, size = 0] = b.dims(q);
  const total = b.dims(k)[2] as number;
  const type = b.type(q);
  const y = attend(b, q, k, v, {
    scale: at.float('scale', 0) || 1 / Math.sqrt(size),
    masks: [
      at.int('unidirectional', 0) === 1 ? causalMask(b, type, [length, total]) : null,
      padding(at, mask, type),
      at.has(scores) ? bias(at, scores, total) : null,
    ],
  });
  return [together(b, y), k, v];
}

const multiHead: Decomposition = (at) => {
  const { b } = at;
  at.withoutPast(6, 2);
  if (at.node.outputs[3]) at.fail('it gives out its scores');
  const heads = at.requiredInt('num_heads');
  const { dims } = at.at(0);
  if (dims.length !== 3 || at.at(1).dims.length === 5) at.fail('its operands are packed');
  const width = dims[2] as number;
  const part = (k: number, from: number): string => {
    if (at.at(k).dims.length === 4) return at.name(k);
    const of = at.dim(k, 2);
    const x = at.name(k);
    return apart(b, at.has(3) ? b.add(x, b.slice(at.name(3), 0, from, from + of)) : x, heads);
  };
  return withPadding(at, [part(0, 0), part(1, width), part(2, 2 * width)], 4, 5);
};

/** The input times the merged weights of query, key and value. */
const merged: Decomposition = (at) => {
  const { b } = at;
  at.withoutPast(4, 3);
  if (at.int('do_rotary', 0) === 1) at.fail('it rotates queries and keys');
  const heads = at.requiredInt('num_heads');
  const product = b.matmul(at.name(0), at.name(1));
  const all = at.has(2) ? b.add(product, at.name(2)) : product;
  const third = at.dim(1, 1) / 3;
  const widths = at.ints('qkv_hidden_sizes') ?? [third, third, third];
  let end = 0;
  const [q, k, v] = widths.map((width) => {
    end += width;
    return apart(b, b.slice(all, 2, end - width, end), heads);
  }) as [string, string, string];
  return withPadding(at, [q, k, v], 3, 5).slice(0, 1);
};

export const ATTENTION: Readonly<Record<string, Decomposition>> = {
  Attention: standard,
  'com.microsoft.GroupQueryAttention': groupQuery,
  'com.microsoft.MultiHeadAttention': multiHead,
  'com.microsoft.Attention': merged,
};
