// Decompositions of fused operators, held to the operators themselves as ONNX Runtime runs them.

import { describe, expect, it } from 'vitest';
import { DataType } from '../../onnx/graph.ts';
import { differences, type FusedCase, type Operand } from '../testing/decomposed.ts';

// The CPU kernel of GroupQueryAttention rotates heads of 16 elements or a multiple.
const [B, S, H, K, D] = [2, 6, 4, 2, 16];
const C = H * D;
const int32 = (data: number[], dims: number[]): Operand => ({ type: DataType.int32, dims, data });
const ids = (dims: number[], data: number[]): Operand => ({ dims, data });
const float = (value: number): { float: number } => ({ float: value });

const LENGTHS = [int32([S - 1, S - 1], [B]), int32([S], [])];
const HEADS = { num_heads: H, kv_num_heads: K };
const split = [
  [B, S, C],
  [B, S, K * D],
  [B, S, K * D],
];
const cache = (half: number): Operand[] => [
  [16, half],
  [16, half],
];

/** GroupQueryAttention: inputs 7 on are tables, positions, bias and sink. */
const query = (
  first: (Operand | null)[],
  more: Record<string, number | { float: number }> = {},
  after: (Operand | null)[] = [],
): FusedCase => ({
  op: 'com.microsoft.GroupQueryAttention',
  operands: [...first, null, null, ...LENGTHS, ...after],
  attributes: { ...HEADS, ...more },
  outputs: 3,
  spread: 2,
});
const packed = [[B, S, (H + 2 * K) * D], null, null];

const row = Array.from({ length: S }, (_, k) => k);
const seen = Array.from({ length: S * S }, (_, k) => Number(k % S <= Math.floor(k / S)));

const CASES: Record<string, FusedCase> = {
  'GroupQueryAttention, three operands': query(split),
  'GroupQueryAttention, packed': query(packed),
  'GroupQueryAttention with a scale': query(packed, { scale: float(0.1) }),
  'GroupQueryAttention with rotary halves': query(split, { do_rotary: 1 }, cache(D / 2)),
  'GroupQueryAttention with rotary pairs': query(
    packed,
    { do_rotary: 1, rotary_interleaved: 1 },
    cache(D / 2),
  ),
  'GroupQueryAttention with a window': query(packed, { local_window_size: 3 }),
  'GroupQueryAttention with a soft cap': query(packed, { softcap: float(1.5) }),
  'GroupQueryAttention with a bias': query(split, {}, [null, null, null, [1, H, S, S]]),
  'GroupQueryAttention with bias and soft cap': query(split, { softcap: float(1.5) }, [
    ...[null, null, null],
    [1, 1, S, S],
  ]),
  'GroupQueryAttention with sinks': query(split, {}, [null, null, null, null, [H]]),
  'GroupQueryAttention with smooth softmax': query(split, { smooth_softmax: 1 }),
  'GroupQueryAttention with sinks, window and rotary': query(
    split,
    { do_rotary: 1, local_window_size: 2 },
    [...cache(D / 2), null, null, [H]],
  ),
  'RotaryEmbedding (com.microsoft), four axes, offset': {
    op: 'com.microsoft.RotaryEmbedding',
    operands: [[B, H, S, D], ids([1], [3]), ...cache(D / 2)],
  },
  'RotaryEmbedding (com.microsoft), three axes, positions': {
    op: 'com.microsoft.RotaryEmbedding',
    operands: [[B, S, C], ids([B, S], [...row, ...row.map((k) => 2 * k)]), ...cache(D / 2)],
    attributes: { interleaved: 1 },
  },
  'RotaryEmbedding (com.microsoft), part of a head': {
    op: 'com.microsoft.RotaryEmbedding',
    operands: [[B, S, C], ids([B, S], [...row, ...row]), ...cache(D / 4)],
    attributes: { num_heads: H, rotary_embedding_dim: D / 2 },
  },
  'RotaryEmbedding 23, four axes': {
    op: 'RotaryEmbedding',
    operands: [
      [B, H, S, D],
      [B, S, D / 2],
      [B, S, D / 2],
    ],
    opset: 23,
  },
  'RotaryEmbedding 23, three axes, positions, part of a head': {
    op: 'RotaryEmbedding',
    operands: [[B, S, C], ...cache(D / 4), ids([B, S], [...row, ...row.map((k) => k + 1)])],
    attributes: { num_heads: H, rotary_embedding_dim: D / 2, interleaved: 1 },
    opset: 23,
  },
  'MRotaryEmbedding of text': {
    op: 'com.microsoft.MRotaryEmbedding',
    operands: [
      [B, S, C],
      ids(
        [3, B, S],
        Array(3 * B)
          .fill(row)
          .flat() as number[],
      ),
      ...cache(D / 2),
    ],
    attributes: { num_heads: H, mrope_section: [4, 2, 2] },
  },
  'MRotaryEmbedding of images, in sections': multimodal(0, [2, 3, 3]),
  'MRotaryEmbedding of images, in turn': multimodal(1, [4, 2, 2]),
  'Attention 23, four axes, causal': {
    op: 'Attention',
    operands: [
      [B, H, S, D],
      [B, K, S, D],
      [B, K, S, D],
    ],
    attributes: { is_causal: 1 },
    opset: 23,
    spread: 2,
  },
  'Attention 23, three axes, a mask of booleans, a scale': {
    op: 'Attention',
    operands: [...split, { type: DataType.bool, dims: [S, S], data: seen }],
    attributes: { q_num_heads: H, kv_num_heads: K, scale: float(0.2) },
    opset: 23,
    spread: 2,
  },
  'Attention 23, added mask and soft cap': {
    op: 'Attention',
    operands: [
      [B, H, S, D],
      [B, H, S, D],
      [B, H, S, D - 2],
      [B, 1, S, S],
    ],
    attributes: { softcap: float(1.5) },
    opset: 23,
    spread: 2,
  },
  'MultiHeadAttention with biases, causal': {
    op: 'com.microsoft.MultiHeadAttention',
    operands: [[B, S, C], [B, S, C], [B, S, C], [3 * C]],
    attributes: { num_heads: H, unidirectional: 1 },
    spread: 2,
  },
  'MultiHeadAttention with padding and bias of the scores': {
    op: 'com.microsoft.MultiHeadAttention',
    operands: [
      ...[
        [B, S, C],
        [B, S, C],
        [B, S, C],
      ],
      null,
      int32([1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1], [B, S]),
      [1, H, S, S],
    ],
    attributes: { num_heads: H, scale: float(0.3) },
    spread: 2,
  },
  'Attention (com.microsoft), causal': {
    op: 'com.microsoft.Attention',
    operands: [[B, S, 12], [12, 3 * C], [3 * C]],
    attributes: { num_heads: H, unidirectional: 1 },
    spread: 0.7,
  },
  'Attention (com.microsoft) with a padding mask': {
    op: 'com.microsoft.Attention',
    operands: [
      ...[[B, S, 12], [12, 3 * C], [3 * C]],
      int32([1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1], [B, S]),
    ],
    attributes: { num_heads: H },
    spread: 0.7,
  },
  Gelu: { op: 'Gelu', operands: [[3, 7]], spread: 3 },
  'Gelu by tanh': {
    op: 'Gelu',
    operands: [[3, 7]],
    attributes: { approximate: 'tanh' },
    spread: 3,
  },
  'Gelu (com.microsoft)': { op: 'com.microsoft.Gelu', operands: [[3, 7]], spread: 3 },
  BiasGelu: { op: 'com.microsoft.BiasGelu', operands: [[3, 7], [7]], spread: 2 },
  FastGelu: { op: 'com.microsoft.FastGelu', operands: [[3, 7], [7]], spread: 2 },
  'FastGelu without a bias': { op: 'com.microsoft.FastGelu', operands: [[3, 7]], spread: 2 },
  QuickGelu: { op: 'com.microsoft.QuickGelu', operands: [[3, 7]], spread: 2 },
  FusedMatMul: {
    op: 'com.microsoft.FusedMatMul',
    operands: [
      [2, 5, 3],
      [2, 4, 5],
    ],
    attributes: { transA: 1, transB: 1, alpha: float(0.25) },
  },
  GatedRMSNorm: {
    op: 'com.microsoft.GatedRMSNorm',
    operands: [[B, S, C], [D], [B, S, C]],
    attributes: { epsilon: float(1e-3) },
  },
  GatedAdd: {
    op: 'com.microsoft.GatedAdd',
    operands: [
      [B, S, C],
      [B, S, C],
      [B, S, 1],
    ],
  },
  LinearAttentionGate: {
    op: 'com.microsoft.LinearAttentionGate',
    operands: [[B, S, H], [H], [H], [B, S, H]],
    outputs: 2,
  },
  CausalConvWithState: {
    op: 'com.microsoft.CausalConvWithState',
    operands: [
      [B, 5, S],
      [5, 1, 3],
    ],
    attributes: { ndim: 1 },
    outputs: 2,
  },
  'CausalConvWithState with bias, state and silu': {
    op: 'com.microsoft.CausalConvWithState',
    operands: [[B, 5, S], [5, 1, 4], [5], [B, 5, 3]],
    attributes: { ndim: 1, activation: 'silu' },
    outputs: 2,
  },
  'Conv by channel': {
    op: 'Conv',
    operands: [[B, 5, S], [5, 1, 3], [5]],
    attributes: { group: 5, pads: [3, 1], dilations: [2] },
  },
  ...Object.fromEntries(
    [0, 1].flatMap((exclusive) =>
      [0, 1].map((reverse): [string, FusedCase] => [
        `CumSum, exclusive ${exclusive}, reverse ${reverse}`,
        { op: 'CumSum', operands: [[B, S, 3], ids([], [1])], attributes: { exclusive, reverse } },
      ]),
    ),
  ),
  'LinearAttention, values that share a key': {
    ...linear('gated_delta', 9, 2, 4),
    operands: linear('gated_delta', 9, 2, 4).operands.map((x, k) => (k === 1 ? [B, 9, 8] : x)),
  },
  ...Object.fromEntries(
    ['linear', 'gated', 'delta', 'gated_delta'].flatMap((rule) => [
      [`LinearAttention, ${rule}`, linear(rule, 11, 2, 2)],
      [`LinearAttention, ${rule}, more keys than queries`, linear(rule, 5, 2, 4)],
      [`LinearAttention, ${rule}, more queries than keys`, linear(rule, 8, 4, 2)],
    ]),
  ),
  'MoE with relu, one expert': experts({ k: 1 }, 6, 'relu'),
  'MoE with silu, normalised': experts({ k: 2, normalize_routing_weights: 1 }, 6, 'silu'),
  'MoE with silu, as the router has it': experts({ k: 2 }, 6, 'silu'),
  'MoE with gelu': experts({ k: 3, normalize_routing_weights: 1 }, 6, 'gelu'),
  'MoE with swiglu and a limit': experts(
    {
      ...{ k: 2, normalize_routing_weights: 1, swiglu_fusion: 1, swiglu_limit: float(0.6) },
      ...{ activation_alpha: float(1.702), activation_beta: float(1) },
    },
    12,
    'swiglu',
  ),
};

/** Positions that differ by axis. */
function multimodal(layout: number, section: readonly number[]): FusedCase {
  const positions = Array.from({ length: 3 * B * S }, (_, k) => (k * 5) % 16);
  return {
    op: 'com.microsoft.MRotaryEmbedding',
    operands: [[B, S, C], ids([3, B, S], positions), ...cache(D / 2)],
    attributes: { num_heads: H, mrope_section: section, mrope_layout: layout },
  };
}

/** One head size of 4 for keys, 3 for values; log decays are negative, update rates in 0 .. 1. */
function linear(rule: string, length: number, heads: number, groups: number): FusedCase {
  const between = (from: number, to: number): Operand => {
    const count = B * length * groups;
    const data = Array.from(
      { length: count },
      (_, k) => from + ((to - from) * ((k * 7) % 13)) / 13,
    );
    return { type: DataType.float, dims: [B, length, groups], data };
  };
  return {
    op: 'com.microsoft.LinearAttention',
    operands: [
      ...[
        [B, length, heads * 4],
        [B, length, groups * 4],
        [B, length, groups * 3],
      ],
      [B, groups, 4, 3],
      rule.startsWith('gated') ? between(-1, -0.01) : null,
      rule.endsWith('delta') ? between(0.05, 0.95) : null,
    ],
    outputs: 2,
    attributes: { q_num_heads: heads, kv_num_heads: groups, update_rule: rule },
    spread: 0.7,
  };
}

function experts(
  attributes: Record<string, number | { float: number }>,
  inner: number,
  activation: string,
): FusedCase {
  return {
    op: 'com.microsoft.MoE',
    operands: [
      [B, S, 5],
      [B * S, 4],
      ...[
        [4, inner, 5],
        [4, inner],
      ],
      ...[
        [4, 5, 6],
        [4, 5],
      ],
    ],
    attributes: { ...attributes, activation_type: activation },
  };
}

describe('what a fused operator is taken apart into gives the same numbers', () => {
  for (const [name, fused] of Object.entries(CASES))
    it(name, async () => {
      const found = await differences(fused);
      expect(found.length).toBe(fused.op.endsWith('LinearAttention') ? 1 : (fused.outputs ?? 1));
      expect(Math.max(...found)).toBeLessThan(1e-5);
    });
});
