// What families have in common: sizes, activations, windows, and the decoder with RMS norms and a
// gated feed-forward that most of them are.

import type { FamilyFields } from '../familyFields.ts';
import type {
  Activation,
  AttentionSpec,
  BlockSpec,
  DecoderSpec,
  FeedForwardSpec,
  LinearSpec,
  NormSpec,
  RotarySpec,
} from '../spec.ts';

/** Sizes under the names of Llama's config. */
export interface Sizes {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  blocks: number;
  heads: number;
  groups: number;
  headSize: number;
  /** Positions of the tables of the rotation. */
  positions: number;
}

/**
 * Most positions of the tables of a rotation: 2 x 32 MiB for heads of 128. Longer sequences do not
 * fit the memory that the rest of this is made for, and runtimes refuse them by the table's size.
 */
const MAX_POSITIONS = 2 ** 17;

/** No decoder has as many; lists of blocks are made of the number. */
const MAX_BLOCKS = 10_000;

/** Those of a config that says none: of text models in multimodal ones, some are left out. */
export type DefaultSizes = Omit<Sizes, 'groups' | 'headSize'> & {
  /** As many as heads where absent. */
  groups?: number;
  /** The width divided by the heads where absent. */
  headSize?: number;
};

/** @throws EspalierError `unsupported-graph` for sizes that do not fit each other */
export function sizesOf(fields: FamilyFields, defaults: DefaultSizes): Sizes {
  const heads = fields.size('num_attention_heads', defaults.heads);
  const hiddenSize = fields.size('hidden_size', defaults.hiddenSize);
  // Null is as many as heads, in all families.
  const missing = fields.has('num_key_value_heads') ? heads : (defaults.groups ?? heads);
  const groups = fields.size('num_key_value_heads', missing);
  if (heads % groups !== 0) throw fields.refuse('num_key_value_heads');
  const headSize = fields.size('head_dim', defaults.headSize ?? hiddenSize / heads);
  if (!Number.isInteger(headSize)) throw fields.refuse('num_attention_heads');
  return {
    vocabSize: fields.size('vocab_size', defaults.vocabSize),
    hiddenSize,
    intermediateSize: fields.size('intermediate_size', defaults.intermediateSize),
    blocks: blocksOf(fields, 'num_hidden_layers', defaults.blocks),
    heads,
    groups,
    headSize,
    positions: positionsOf(fields, defaults.positions),
  };
}

/** @throws EspalierError `unsupported-graph` */
export function blocksOf(fields: FamilyFields, field: string, fallback?: number): number {
  const blocks = fallback === undefined ? fields.size(field) : fields.size(field, fallback);
  if (blocks > MAX_BLOCKS) throw fields.refuse(field);
  return blocks;
}

/** Positions of the tables of the rotation, from `max_position_embeddings`. */
export function positionsOf(fields: FamilyFields, fallback: number): number {
  return Math.min(fields.size('max_position_embeddings', fallback), MAX_POSITIONS);
}

/** Names of ACT2FN in Transformers. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  relu: 'relu',
};

/** @throws EspalierError `unsupported-graph` for an activation that is not known */
export function activationOf(fields: FamilyFields, field: string, fallback: string): Activation {
  const name = fields.text(field, fallback);
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (!activation) throw fields.refuse(field);
  return activation;
}

/**
 * The window of each block, by `layer_types` or what a config without it means.
 * @param window `sliding_window`, null for none
 * @throws EspalierError `unsupported-graph` for another type, or a window that is not said
 */
export function windowsOf(
  fields: FamilyFields,
  blocks: number,
  window: number | null,
  slides: (block: number) => boolean,
): (number | null)[] {
  const types = fields.perBlock('layer_types', blocks);
  return Array.from({ length: blocks }, (_, block) => {
    const type = types?.[block] ?? (slides(block) ? 'sliding_attention' : 'full_attention');
    if (type === 'full_attention') return null;
    if (type !== 'sliding_attention') throw fields.refuse('layer_types');
    if (window === null) throw fields.refuse('sliding_window');
    return window;
  });
}

interface RotaryDefaults {
  theta?: number;
  /** A part of a head may be rotated; a number is that of a config that does not say it. */
  partial?: boolean | number;
  /** One of `layer_types`, where blocks rotate by type. */
  layerType?: string;
  /** Ending of the names of the tables. */
  suffix?: string;
  /** By the base alone: `rope_scaling` is of other blocks. */
  unscaled?: boolean;
}

/** Names of longrope before it was one, and the context that a config without one means. */
const PHI3 = { synonyms: { su: 'longrope', yarn: 'longrope' }, original: 4096 };

/** @throws EspalierError `unsupported-graph` where a part of a head is rotated, unless `partial` */
export function rotaryOf(
  fields: FamilyFields,
  { headSize, positions }: Sizes,
  { theta = 10000, partial = false, layerType, suffix = '', unscaled }: RotaryDefaults,
): RotarySpec {
  const rope = fields.rope({
    headSize,
    theta,
    ...(partial === true ? PHI3 : {}),
    ...(layerType ? { layerType } : {}),
    ...(unscaled ? { unscaled } : {}),
    ...(typeof partial === 'number' ? { partial } : {}),
  });
  if (!partial && 2 * rope.inverseFrequencies.length !== headSize)
    throw fields.refuse('partial_rotary_factor');
  return { suffix, rope, positions };
}

/** What a family of Llama's kind does, and the defaults of Transformers for its config. */
export interface RmsNormTraits {
  sizes: Sizes;
  epsilon: number;
  /** Default of `tie_word_embeddings`. */
  tied: boolean;
  activation: Activation;
  /** Biases of the products. */
  bias: { qkv: boolean; output: boolean; feedForward: boolean };
  /** Norms before attention and feed-forward, after them, or both. */
  norms: 'before' | 'after' | 'both';
  /** Added to the stored weights of norms. Default 0. */
  normOffset?: number;
  /** Norms of query and key: of each head, or of all heads together. */
  queryKeyNorm?: 'head' | 'all';
  /** Query, key and value are one product, gate and up another. */
  fused?: boolean;
  /** By block; null where queries and keys are not rotated. */
  rotary: (block: number) => RotarySpec | null;
  windows: readonly (number | null)[];
  /** Default headSize^-1/2. */
  attentionScale?: number;
  attentionSoftcap?: number | null;
  embeddingMultiplier?: number;
  residualMultiplier?: number;
  logitsMultiplier?: number;
  logitsSoftcap?: number | null;
}

/** A decoder of Llama's kind: RMS norms, rotary attention, a gated feed-forward. */
export function rmsNormDecoder(fields: FamilyFields, traits: RmsNormTraits): DecoderSpec {
  const { sizes, epsilon, normOffset: offset = 0 } = traits;
  const { hiddenSize, vocabSize } = sizes;
  const norm = (module: string, size = hiddenSize): NormSpec => ({
    module,
    size,
    kind: 'rms',
    epsilon,
    offset,
  });
  return {
    family: fields.text('model_type', ''),
    hiddenSize,
    vocabSize,
    embedding: {
      module: 'model.embed_tokens',
      multiplier: traits.embeddingMultiplier ?? 1,
      positions: null,
      norm: null,
    },
    blocks: Array.from({ length: sizes.blocks }, (_, k) => rmsNormBlock(traits, k, norm)),
    norm: norm('model.norm'),
    head: {
      linear: { module: 'lm_head', inputs: hiddenSize, outputs: vocabSize, bias: false },
      tied: fields.flag('tie_word_embeddings', traits.tied),
      multiplier: traits.logitsMultiplier ?? 1,
      softcap: traits.logitsSoftcap ?? null,
    },
  };
}

function rmsNormBlock(
  traits: RmsNormTraits,
  block: number,
  norm: (module: string, size?: number) => NormSpec,
): BlockSpec {
  const at = `model.layers.${block}`;
  const before = traits.norms !== 'after';
  const after = traits.norms !== 'before';
  const both = before && after;
  return {
    norms: {
      beforeAttention: before ? norm(`${at}.input_layernorm`) : null,
      afterAttention: after ? norm(`${at}.post_attention_layernorm`) : null,
      beforeFeedForward: before
        ? norm(`${at}.${both ? 'pre_feedforward' : 'post_attention'}_layernorm`)
        : null,
      afterFeedForward: after ? norm(`${at}.post_feedforward_layernorm`) : null,
    },
    attention: rmsNormAttention(traits, block, norm),
    feedForward: gatedFeedForward(traits, `${at}.mlp`),
    parallel: false,
    residualMultiplier: traits.residualMultiplier ?? 1,
  };
}

function rmsNormAttention(
  { sizes, bias, queryKeyNorm, fused, rotary, windows, ...traits }: RmsNormTraits,
  block: number,
  norm: (module: string, size?: number) => NormSpec,
): AttentionSpec {
  const { hiddenSize: inputs, heads, groups, headSize } = sizes;
  const at = `model.layers.${block}.self_attn`;
  const product = (name: string, count: number): LinearSpec => ({
    module: `${at}.${name}`,
    inputs,
    outputs: count * headSize,
    bias: bias.qkv,
  });
  const normOf = (name: string, count: number): NormSpec | null =>
    queryKeyNorm
      ? norm(`${at}.${name}`, queryKeyNorm === 'head' ? headSize : count * headSize)
      : null;
  return {
    heads,
    groups,
    headSize,
    scale: traits.attentionScale ?? headSize ** -0.5,
    window: windows[block] ?? null,
    softcap: traits.attentionSoftcap ?? null,
    rotary: rotary(block),
    alibi: false,
    projections: fused
      ? { qkv: product('qkv_proj', heads + 2 * groups) }
      : {
          q: product('q_proj', heads),
          k: product('k_proj', groups),
          v: product('v_proj', groups),
        },
    queryNorm: normOf('q_norm', heads),
    keyNorm: normOf('k_norm', groups),
    output: {
      module: `${at}.o_proj`,
      inputs: heads * headSize,
      outputs: inputs,
      bias: bias.output,
    },
  };
}

function gatedFeedForward(
  { sizes, bias, activation, fused }: RmsNormTraits,
  at: string,
): FeedForwardSpec {
  const { hiddenSize, intermediateSize } = sizes;
  const product = (name: string, inputs: number, outputs: number): LinearSpec => ({
    module: `${at}.${name}`,
    inputs,
    outputs,
    bias: bias.feedForward,
  });
  return {
    activation,
    projections: fused
      ? { gateUp: product('gate_up_proj', hiddenSize, 2 * intermediateSize) }
      : {
          gate: product('gate_proj', hiddenSize, intermediateSize),
          up: product('up_proj', hiddenSize, intermediateSize),
        },
    down: product('down_proj', intermediateSize, hiddenSize),
  };
}
