// Families with LayerNorm and a feed-forward without a gate: GPT-2, OPT, GPT-NeoX and BLOOM. Read
// in Transformers 4.57.6 (models/*/configuration_*.py and modeling_*.py): fields, their defaults,
// and what they do.

import type { FamilyFields } from '../familyFields.ts';
import type {
  Activation,
  AttentionSpec,
  BlockSpec,
  DecoderSpec,
  EmbeddingSpec,
  LinearSpec,
  NormSpec,
} from '../spec.ts';
import { activationOf, blocksOf, positionsOf } from './common.ts';

/** What a family of this kind does. */
interface LayerNormTraits {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  blocks: number;
  heads: number;
  epsilon: number;
  activation: Activation;
  tied: boolean;
  parallel?: boolean;
  /** Biases of attention and feed-forward. */
  bias: { attention: boolean; feedForward: boolean };
  /** Norms without weights and biases of their own. */
  plainNorms?: boolean;
  conv1d?: true;
  embedding: Pick<EmbeddingSpec, 'positions'> & { norm?: string };
  /** What tells positions apart, where it is not in the embedding. */
  positions?: Pick<AttentionSpec, 'rotary' | 'alibi'>;
  /** Names of the modules; those of a block without the block's own. */
  modules: {
    embedding: string;
    block: (block: number) => string;
    beforeAttention: string;
    projections: { qkv: string; alternates?: true } | { q: string; k: string; v: string };
    output: string;
    beforeFeedForward: string;
    up: string;
    down: string;
    norm: string;
    head: string;
  };
}

function layerNormDecoder(fields: FamilyFields, traits: LayerNormTraits): DecoderSpec {
  const { hiddenSize, vocabSize, modules, embedding } = traits;
  const norm = (module: string): NormSpec => ({
    module,
    size: hiddenSize,
    kind: 'layer',
    epsilon: traits.epsilon,
    offset: 0,
    ...(traits.plainNorms ? { plain: true } : {}),
  });
  if (hiddenSize % traits.heads !== 0) throw fields.refuse('hidden_size');
  return {
    family: fields.text('model_type', ''),
    hiddenSize,
    vocabSize,
    embedding: {
      module: modules.embedding,
      multiplier: 1,
      positions: embedding.positions,
      norm: embedding.norm ? norm(embedding.norm) : null,
    },
    blocks: Array.from({ length: traits.blocks }, (_, block) =>
      layerNormBlock(traits, block, norm),
    ),
    norm: norm(modules.norm),
    head: {
      linear: { module: modules.head, inputs: hiddenSize, outputs: vocabSize, bias: false },
      tied: fields.flag('tie_word_embeddings', traits.tied),
      multiplier: 1,
      softcap: null,
    },
  };
}

function layerNormBlock(
  traits: LayerNormTraits,
  block: number,
  norm: (module: string) => NormSpec,
): BlockSpec {
  const { hiddenSize, intermediateSize, heads, modules, bias, conv1d } = traits;
  const at = modules.block(block);
  const linear = (name: string, outputs: number, more: Partial<LinearSpec> = {}): LinearSpec => ({
    module: `${at}.${name}`,
    inputs: hiddenSize,
    outputs,
    bias: bias.attention,
    ...(conv1d ? { conv1d } : {}),
    ...more,
  });
  const { projections } = modules;
  const rows = { step: 'rows', order: 'parts', heads } as const;
  const headSize = hiddenSize / heads;
  return {
    norms: {
      beforeAttention: norm(`${at}.${modules.beforeAttention}`),
      afterAttention: null,
      beforeFeedForward: norm(`${at}.${modules.beforeFeedForward}`),
      afterFeedForward: null,
    },
    attention: {
      heads,
      groups: heads,
      headSize,
      scale: headSize ** -0.5,
      window: null,
      softcap: null,
      rotary: null,
      alibi: false,
      ...traits.positions,
      projections:
        'q' in projections
          ? {
              q: linear(projections.q, hiddenSize),
              k: linear(projections.k, hiddenSize),
              v: linear(projections.v, hiddenSize),
            }
          : {
              qkv: linear(projections.qkv, 3 * hiddenSize, projections.alternates ? { rows } : {}),
            },
      queryNorm: null,
      keyNorm: null,
      output: linear(modules.output, hiddenSize),
    },
    feedForward: {
      activation: traits.activation,
      projections: { up: linear(modules.up, intermediateSize, { bias: bias.feedForward }) },
      down: linear(modules.down, hiddenSize, { inputs: intermediateSize, bias: bias.feedForward }),
    },
    parallel: traits.parallel ?? false,
    residualMultiplier: 1,
  };
}

/** The name that the config uses of two for one thing. */
function named(fields: FamilyFields, name: string, other: string): string {
  return fields.value(name) === undefined && fields.value(other) !== undefined ? other : name;
}

/** A table of positions is added to the embedding; matrices are stored as (inputs, outputs). */
function gpt2(fields: FamilyFields): DecoderSpec {
  fields.only('scale_attn_weights', true);
  // Depends on the number of a block, which pruning changes.
  fields.only('scale_attn_by_inverse_layer_idx', false);
  fields.only('add_cross_attention', false);
  const hiddenSize = fields.size(named(fields, 'n_embd', 'hidden_size'));
  return layerNormDecoder(fields, {
    vocabSize: fields.size('vocab_size'),
    hiddenSize,
    intermediateSize: fields.size('n_inner', 4 * hiddenSize),
    blocks: blocksOf(fields, named(fields, 'n_layer', 'num_hidden_layers')),
    heads: fields.size(named(fields, 'n_head', 'num_attention_heads')),
    epsilon: fields.positive('layer_norm_epsilon', 1e-5),
    activation: activationOf(fields, 'activation_function', 'gelu_new'),
    tied: true,
    bias: { attention: true, feedForward: true },
    conv1d: true,
    embedding: {
      positions: { module: 'transformer.wpe', count: fields.size('n_positions', 1024), offset: 0 },
    },
    modules: {
      embedding: 'transformer.wte',
      block: (block) => `transformer.h.${block}`,
      beforeAttention: 'ln_1',
      projections: { qkv: 'attn.c_attn' },
      output: 'attn.c_proj',
      beforeFeedForward: 'ln_2',
      up: 'mlp.c_fc',
      down: 'mlp.c_proj',
      norm: 'transformer.ln_f',
      head: 'lm_head',
    },
  });
}

/** The table of positions begins with two rows that are not positions. */
function opt(fields: FamilyFields): DecoderSpec {
  // After attention and feed-forward, of the residual stream itself.
  fields.only('do_layer_norm_before', true);
  fields.only('_remove_final_layer_norm', false);
  const hiddenSize = fields.size('hidden_size', 768);
  fields.only('word_embed_proj_dim', hiddenSize);
  const bias = fields.flag('enable_bias', true);
  return layerNormDecoder(fields, {
    vocabSize: fields.size('vocab_size', 50272),
    hiddenSize,
    intermediateSize: fields.size('ffn_dim', 3072),
    blocks: blocksOf(fields, 'num_hidden_layers', 12),
    heads: fields.size('num_attention_heads', 12),
    epsilon: 1e-5,
    activation: activationOf(fields, 'activation_function', 'relu'),
    tied: true,
    bias: { attention: bias, feedForward: bias },
    plainNorms: !fields.flag('layer_norm_elementwise_affine', true),
    embedding: {
      positions: {
        module: 'model.decoder.embed_positions',
        count: fields.size('max_position_embeddings', 2048),
        offset: 2,
      },
    },
    modules: {
      embedding: 'model.decoder.embed_tokens',
      block: (block) => `model.decoder.layers.${block}`,
      beforeAttention: 'self_attn_layer_norm',
      projections: { q: 'self_attn.q_proj', k: 'self_attn.k_proj', v: 'self_attn.v_proj' },
      output: 'self_attn.out_proj',
      beforeFeedForward: 'final_layer_norm',
      up: 'fc1',
      down: 'fc2',
      norm: 'model.decoder.final_layer_norm',
      head: 'lm_head',
    },
  });
}

/** A part of every head is rotated; attention and feed-forward may both read the block's input. */
function gptNeoX(fields: FamilyFields): DecoderSpec {
  const hiddenSize = fields.size('hidden_size', 6144);
  const heads = fields.size('num_attention_heads', 64);
  // Its own names of the base and of the part, which `rope` reads.
  fields.value('rotary_emb_base');
  fields.value('rotary_pct');
  const rope = fields.rope({ headSize: hiddenSize / heads, theta: 10000, partial: 0.25 });
  const positions = positionsOf(fields, 2048);
  return layerNormDecoder(fields, {
    vocabSize: fields.size('vocab_size'),
    hiddenSize,
    intermediateSize: fields.size('intermediate_size', 24576),
    blocks: blocksOf(fields, 'num_hidden_layers'),
    heads,
    epsilon: fields.positive('layer_norm_eps', 1e-5),
    activation: activationOf(fields, 'hidden_act', 'gelu'),
    tied: false,
    parallel: fields.flag('use_parallel_residual', true),
    bias: { attention: fields.flag('attention_bias', true), feedForward: true },
    embedding: { positions: null },
    positions: { rotary: { suffix: '', rope, positions }, alibi: false },
    modules: {
      embedding: 'gpt_neox.embed_in',
      block: (block) => `gpt_neox.layers.${block}`,
      beforeAttention: 'input_layernorm',
      projections: { qkv: 'attention.query_key_value', alternates: true },
      output: 'attention.dense',
      beforeFeedForward: 'post_attention_layernorm',
      up: 'mlp.dense_h_to_4h',
      down: 'mlp.dense_4h_to_h',
      norm: 'gpt_neox.final_layer_norm',
      head: 'embed_out',
    },
  });
}

/** Scores have a bias by distance (ALiBi); the embedding has a norm. */
function bloom(fields: FamilyFields): DecoderSpec {
  // The residual stream would be the norm's result.
  fields.only('apply_residual_connection_post_layernorm', false);
  const hiddenSize = fields.size(named(fields, 'n_embed', 'hidden_size'));
  return layerNormDecoder(fields, {
    vocabSize: fields.size('vocab_size'),
    hiddenSize,
    intermediateSize: 4 * hiddenSize,
    blocks: blocksOf(fields, named(fields, 'n_layer', 'num_hidden_layers')),
    heads: fields.size(named(fields, 'n_head', 'num_attention_heads')),
    epsilon: fields.positive('layer_norm_epsilon', 1e-5),
    activation: 'gelu-tanh',
    tied: true,
    bias: { attention: true, feedForward: true },
    embedding: { positions: null, norm: 'transformer.word_embeddings_layernorm' },
    positions: { rotary: null, alibi: true },
    modules: {
      embedding: 'transformer.word_embeddings',
      block: (block) => `transformer.h.${block}`,
      beforeAttention: 'input_layernorm',
      projections: { qkv: 'self_attention.query_key_value', alternates: true },
      output: 'self_attention.dense',
      beforeFeedForward: 'post_attention_layernorm',
      up: 'mlp.dense_h_to_4h',
      down: 'mlp.dense_4h_to_h',
      norm: 'transformer.ln_f',
      head: 'lm_head',
    },
  });
}

export const LAYER_NORM_FAMILIES = { gpt2, opt, gpt_neox: gptNeoX, bloom } satisfies Record<
  string,
  (fields: FamilyFields) => DecoderSpec
>;
