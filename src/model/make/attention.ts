// Attention as the onnxruntime-genai builder writes it: GroupQueryAttention with the rotation and
// the caches inside.

import { DataType } from '../../onnx/graph.ts';
import { type GraphMaker, MICROSOFT } from './nodes.ts';
import { distanceBias, tokenPositions } from './positions.ts';
import { type Rotation, ropeCaches } from './rope.ts';
import type { AttentionSpec, NormSpec, RotarySpec } from './spec.ts';

/** What the attention of all blocks reads. */
export interface AttentionInputs {
  /** int32: number of tokens before the last one of each row, and of all columns. */
  pastLengths: string;
  totalLength: string;
  /** The same as int64. */
  totalLength64: string;
}

/** Lengths from the attention mask, in which rows may begin with padding. */
export function attentionInputs(graph: GraphMaker): AttentionInputs {
  const at = '/model/attn_mask_reformat/attn_mask_subgraph';
  const to = { attributes: { to: DataType.int32 } };
  const sum = graph.node('ReduceSum', `${at}/ReduceSum`, ['attention_mask', graph.ints([1])], {
    attributes: { keepdims: 0 },
  });
  const last = graph.node('Sub', `${at}/Sub`, [sum, graph.ints([1])]);
  const pastLengths = graph.node('Cast', `${at}/Sub/Cast`, [last], to);
  const shape = graph.node('Shape', `${at}/Shape`, ['attention_mask']);
  const total = graph.node('Gather', `${at}/Gather`, [shape, graph.ints(1)], {
    attributes: { axis: 0 },
  });
  const totalLength = graph.node('Cast', `${at}/Gather/Cast`, [total], to);
  return { pastLengths, totalLength, totalLength64: total };
}

/**
 * What GroupQueryAttention takes (onnxruntime, cpu/bert/group_query_attention_helper.h): sizes of
 * heads in steps, and the rotation inside it for longer steps.
 */
const HEAD_STEP = 8;
const ROTATED_HEAD_STEP = 16;
const ROTATED_PAIRS_STEP = 8;

/** Values of a head in the operator and its caches: those of the model, then zeros. */
export function cachedHeadSize({ headSize }: AttentionSpec): number {
  return Math.ceil(headSize / HEAD_STEP) * HEAD_STEP;
}

/** True where the operator rotates itself. */
function rotatesInside({ rotary, headSize }: AttentionSpec): boolean {
  if (!rotary) return false;
  const pairs = rotary.rope.inverseFrequencies.length;
  return headSize % ROTATED_HEAD_STEP === 0 && pairs % ROTATED_PAIRS_STEP === 0;
}

/**
 * Attention of a block, (batch, sequence, hidden) to the same.
 * @param input the normed residual stream
 */
export function attention(
  graph: GraphMaker,
  spec: AttentionSpec,
  block: number,
  input: string,
  lengths: AttentionInputs,
): string {
  const at = `/model/layers.${block}/attn`;
  const { heads, groups, headSize, scale, window, softcap, rotary } = spec;
  const inside = rotatesInside(spec);
  const caches = rotary ? rotaryCaches(graph, rotary, lengths) : [];
  const apart = rotary !== null && !inside;
  const parts = projections(graph, spec, at, input, (x, count, name) =>
    apart ? rotated(graph, spec, name, x, count, [tokenPositions(graph), ...caches]) : x,
  );
  const size = cachedHeadSize(spec);
  const queries =
    size === headSize
      ? parts
      : parts.map((x, k) =>
          resized(graph, x, `${at}/${'qkv'[k]}_pad`, [k ? groups : heads, headSize, size]),
        );
  const past = [`past_key_values.${block}.key`, `past_key_values.${block}.value`];
  const name = `${at}/GroupQueryAttention`;
  const inputs = [
    ...queries,
    ...past,
    lengths.pastLengths,
    lengths.totalLength,
    ...(inside ? caches : []),
  ];
  if (spec.alibi) inputs.push('', '', '', distanceBias(graph, heads, at));
  const attended = graph.node('GroupQueryAttention', name, inputs, {
    domain: MICROSOFT,
    attributes: {
      num_heads: heads,
      kv_num_heads: groups,
      scale: { float: scale },
      local_window_size: window ?? -1,
      softcap: { float: softcap ?? 0 },
      do_rotary: inside ? 1 : 0,
      rotary_interleaved: inside && rotary?.interleaved ? 1 : 0,
    },
    outputs: [`${name}/output_0`, `present.${block}.key`, `present.${block}.value`],
    width: heads * size,
  });
  const given =
    size === headSize ? attended : resized(graph, attended, `${at}/pad`, [heads, size, headSize]);
  return graph.linear(spec.output, `${at}/o_proj`, given);
}

/** Heads with zeros behind their values, or without. */
function resized(
  graph: GraphMaker,
  input: string,
  at: string,
  [count, from, to]: [count: number, from: number, to: number],
): string {
  const byHead = graph.node('Reshape', `${at}/Reshape_1`, [input, graph.ints([0, 0, count, from])]);
  const axis = graph.ints([3]);
  const other =
    to > from
      ? graph.node('Pad', `${at}/Pad`, [byHead, graph.ints([0, to - from]), '', axis])
      : graph.node('Slice', `${at}/Slice`, [byHead, graph.ints([0]), graph.ints([to]), axis]);
  const width = count * to;
  return graph.node('Reshape', `${at}/Reshape_2`, [other, graph.ints([0, 0, width])], { width });
}

/** Query, key and value; empty names where all three are in the first. */
function projections(
  graph: GraphMaker,
  spec: AttentionSpec,
  at: string,
  input: string,
  rotate: (value: string, heads: number, at: string) => string,
): [query: string, key: string, value: string] {
  const { heads, groups, headSize, projections, queryNorm, keyNorm } = spec;
  const split = (all: string): [string, string, string] => {
    const outputs = [0, 1, 2].map((k) => `${at}/qkv_proj/Split/output_${k}`);
    const sizes = [heads, groups, groups].map((count) => count * headSize);
    graph.node('Split', `${at}/qkv_proj/Split`, [all, graph.ints(sizes)], {
      attributes: { axis: -1 },
      outputs,
      width: heads * headSize,
    });
    return outputs as [string, string, string];
  };
  let parts: [string, string, string];
  if ('q' in projections) {
    parts = [
      graph.linear(projections.q, `${at}/q_proj`, input),
      graph.linear(projections.k, `${at}/k_proj`, input),
      graph.linear(projections.v, `${at}/v_proj`, input),
    ];
  } else {
    const all = graph.linear(projections.qkv, `${at}/qkv_proj`, input);
    const asIs = cachedHeadSize(spec) === headSize && (!spec.rotary || rotatesInside(spec));
    if (!queryNorm && !keyNorm && asIs) return [all, '', ''];
    parts = split(all);
  }
  const [query, key, value] = parts;
  const normed = (x: string, norm: NormSpec | null, count: number, name: string): string =>
    norm ? headNorm(graph, norm, count, spec, `${at}/${name}`, x) : x;
  return [
    rotate(normed(query, queryNorm, heads, 'q_norm'), heads, `${at}/q_rotary`),
    rotate(normed(key, keyNorm, groups, 'k_norm'), groups, `${at}/k_rotary`),
    value,
  ];
}

/** Heads turned by their positions before the operator. @param tables positions, cos and sin */
function rotated(
  graph: GraphMaker,
  { rotary, headSize }: AttentionSpec,
  at: string,
  input: string,
  count: number,
  tables: readonly string[],
): string {
  const width = 2 * (rotary?.rope.inverseFrequencies.length ?? 0);
  const part = width === headSize ? 0 : width;
  return graph.node('RotaryEmbedding', `${at}/RotaryEmbedding`, [input, ...tables], {
    domain: MICROSOFT,
    attributes: {
      interleaved: rotary?.interleaved ? 1 : 0,
      num_heads: part && count,
      rotary_embedding_dim: part,
    },
    width: count * headSize,
  });
}

/** A norm of each head, or of all heads together where its size is theirs. */
function headNorm(
  graph: GraphMaker,
  norm: NormSpec,
  count: number,
  { headSize }: AttentionSpec,
  at: string,
  input: string,
): string {
  const weights = graph.normWeights(norm, `${at.slice(1).replaceAll('/', '.')}.layernorm`);
  const width = count * headSize;
  const op = norm.kind === 'rms' ? 'SimplifiedLayerNormalization' : 'LayerNormalization';
  const options = { attributes: { axis: -1, epsilon: { float: norm.epsilon }, stash_type: 1 } };
  if (norm.size === width)
    return graph.node(op, `${at}/${op}`, [input, ...weights], { ...options, width });
  const byHead = graph.node('Reshape', `${at}/Reshape_1`, [
    input,
    graph.ints([0, 0, count, headSize]),
  ]);
  const normed = graph.node(op, `${at}/${op}`, [byHead, ...weights], options);
  return graph.node('Reshape', `${at}/Reshape_2`, [normed, graph.ints([0, 0, width])], { width });
}

/** Names of the tables of cos and sin, which blocks with the same rotation share. */
function rotaryCaches(
  graph: GraphMaker,
  { suffix, rope, positions }: RotarySpec,
  { totalLength64 }: AttentionInputs,
): [cos: string, sin: string] {
  const names = ['cos', 'sin'].map((wave) => `${wave}_cache${suffix}`) as [string, string];
  if (!graph.once(names[0])) return names;
  const tables = (rotation: Rotation, count: number, ending: string): string[] => {
    const { cos, sin, dims } = ropeCaches(rotation, count);
    return names.map((name, k) => graph.floats(`${name}${ending}`, dims, [cos, sin][k]!));
  };
  const { long } = rope;
  if (!long) {
    tables(rope, positions, '');
    return names;
  }
  const at = '/model/rope_caches_subgraph';
  const beyond = graph.node('Greater', `${at}/Greater${suffix}`, [
    totalLength64,
    graph.ints(long.original),
  ]);
  graph.choose(`${at}/If${suffix}`, beyond, names, {
    large: tables(long, positions, '_large'),
    small: tables(rope, long.original, '_small'),
  });
  return names;
}
