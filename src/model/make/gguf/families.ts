// The fields of config.json for each architecture of GGUF.

import { EspalierError } from '../../../errors.ts';
import type { JsonObject } from '../../../json.ts';
import type { ArchitectureKeys } from './values.ts';

/** What every architecture says of a model. */
export interface ModelFacts {
  blocks: number;
  hidden: number;
  inner: number;
  heads: number;
  keyValueHeads: number;
  headSize: number;
  /** Rows of the embedding. */
  vocabulary: number;
  contextLength: number;
  /** Base of the rotary frequencies. */
  theta: number;
  /** Rotary dimensions of a head. */
  rotary: number;
  /** `rope_scaling`, or null. */
  scaling: JsonObject | null;
  /** True where the head is the embedding. */
  tied: boolean;
  /** Whether the files have a tensor. */
  has(name: string): boolean;
}

type Family = (keys: ArchitectureKeys, facts: ModelFacts) => JsonObject;

/** Fields of the families with RMS norms and rotary positions. */
function rotaryFields(
  keys: ArchitectureKeys,
  facts: ModelFacts,
  attention = ['attn_q', 'attn_k', 'attn_v', 'attn_output'],
): JsonObject {
  const { rotary, headSize, scaling } = facts;
  return {
    vocab_size: facts.vocabulary,
    hidden_size: facts.hidden,
    intermediate_size: facts.inner,
    num_hidden_layers: facts.blocks,
    num_attention_heads: facts.heads,
    num_key_value_heads: facts.keyValueHeads,
    head_dim: headSize,
    hidden_act: 'silu',
    max_position_embeddings: facts.contextLength,
    rms_norm_eps: keys.required('*.attention.layer_norm_rms_epsilon'),
    rope_theta: facts.theta,
    rope_scaling: scaling,
    attention_bias: biased(facts, attention),
    mlp_bias: biased(facts, ['ffn_gate', 'ffn_up', 'ffn_down']),
    attention_dropout: 0,
    ...(rotary !== headSize && { partial_rotary_factor: rotary / headSize }),
  };
}

/**
 * Whether these matrices have biases: all of them in every block, or none.
 * @throws EspalierError `unsupported-graph` naming one with and one without
 */
function biased({ blocks, has }: ModelFacts, matrices: readonly string[]): boolean {
  const names = Array.from({ length: blocks }, (_, i) => matrices.map((name) => `blk.${i}.${name}`))
    .flat()
    .filter((name) => has(`${name}.weight`));
  const some = names.find((name) => has(`${name}.bias`));
  const none = names.find((name) => !has(`${name}.bias`));
  if (some === undefined || none === undefined) return some !== undefined;
  throw new EspalierError(
    'unsupported-graph',
    `${some} has a bias and ${none} has none.`,
    'Espalier reads GGUF models of this architecture with a bias in all of these matrices or in ' +
      'none: open the ONNX export of this model.',
  );
}

/** Mistral is a Llama with a window. */
const llama: Family = (keys, facts) => {
  const window = keys.number('*.attention.sliding_window') ?? 0;
  return {
    ...(window > 0 ? named('mistral', 'MistralForCausalLM') : named('llama', 'LlamaForCausalLM')),
    ...rotaryFields(keys, facts),
    ...(window > 0 && { sliding_window: window }),
  };
};

/** Rotary positions in all blocks but every fourth, by llama.cpp's own count. */
const smollm3: Family = (keys, facts) => ({
  ...named('smollm3', 'SmolLM3ForCausalLM'),
  ...rotaryFields(keys, facts),
  no_rope_layer_interval: 4,
  no_rope_layers: Array.from({ length: facts.blocks }, (_, i) => ((i + 1) % 4 === 0 ? 0 : 1)),
  layer_types: kinds(facts.blocks, () => false),
  use_sliding_window: false,
  sliding_window: null,
});

const granite: Family = (keys, facts) => ({
  ...named('granite', 'GraniteForCausalLM'),
  ...rotaryFields(keys, facts),
  attention_multiplier: keys.number('*.attention.scale') || facts.headSize ** -0.5,
  embedding_multiplier: keys.number('*.embedding_scale') || 1,
  residual_multiplier: keys.number('*.residual_scale') || 1,
  logits_scaling: keys.number('*.logit_scale') || 1,
});

const qwen2: Family = (keys, facts) => {
  const { attention_bias: _, ...fields } = rotaryFields(keys, facts, [
    'attn_q',
    'attn_k',
    'attn_v',
  ]);
  return {
    ...named('qwen2', 'Qwen2ForCausalLM'),
    ...fields,
    layer_types: kinds(facts.blocks, () => false),
    use_sliding_window: false,
    sliding_window: null,
  };
};

const qwen3: Family = (keys, facts) => ({
  ...named('qwen3', 'Qwen3ForCausalLM'),
  ...rotaryFields(keys, facts),
  layer_types: kinds(facts.blocks, () => false),
  use_sliding_window: false,
  sliding_window: null,
});

/**
 * llama.cpp takes no notice of the window of Phi-3, which its converter writes; the model has one,
 * and 0 says that it has none.
 */
const phi3: Family = (keys, facts) => ({
  ...named('phi3', 'Phi3ForCausalLM'),
  ...rotaryFields(keys, facts),
  original_max_position_embeddings:
    keys.number('*.rope.scaling.original_context_length') ?? facts.contextLength,
  sliding_window: keys.number('*.attention.sliding_window') || null,
});

/** With sliding blocks it is Olmo 3: three of four, unless a list says which. */
const olmo2: Family = (keys, facts) => {
  const window = keys.number('*.attention.sliding_window') ?? 0;
  const fields = rotaryFields(keys, facts);
  if (window === 0) return { ...named('olmo2', 'Olmo2ForCausalLM'), ...fields };
  requireOneBase(keys, facts);
  return {
    ...named('olmo3', 'Olmo3ForCausalLM'),
    ...fields,
    sliding_window: window,
    layer_types: sliding(keys, facts, 4),
  };
};

const gemma2: Family = (keys, facts) => ({
  ...named('gemma2', 'Gemma2ForCausalLM'),
  ...gemmaFields(keys, facts),
  // The 27B model is known by its 46 blocks.
  query_pre_attn_scalar: facts.blocks === 46 ? facts.hidden / facts.heads : facts.headSize,
  attn_logit_softcapping: keys.number('*.attn_logit_softcapping') ?? 50,
  final_logit_softcapping: keys.number('*.final_logit_softcapping') ?? 30,
  sliding_window: keys.number('*.attention.sliding_window') ?? 4096,
  layer_types: sliding(keys, facts, 2),
});

const gemma3: Family = (keys, facts) => {
  const window = keys.number('*.attention.sliding_window') ?? 0;
  return {
    ...named('gemma3_text', 'Gemma3ForCausalLM'),
    ...gemmaFields(keys, facts),
    // The 27B model is known by its 62 blocks.
    query_pre_attn_scalar: facts.blocks === 62 ? facts.hidden / facts.heads : facts.headSize,
    attn_logit_softcapping: null,
    final_logit_softcapping: keys.number('*.final_logit_softcapping') || null,
    rope_local_base_freq: keys.number('*.rope.freq_base_swa') ?? 10_000,
    sliding_window: window > 0 ? window : facts.contextLength,
    layer_types: window > 0 ? sliding(keys, facts, 6) : kinds(facts.blocks, () => false),
  };
};

function gemmaFields(keys: ArchitectureKeys, facts: ModelFacts): JsonObject {
  const { hidden_act: _, mlp_bias: __, ...fields } = rotaryFields(keys, facts);
  return { ...fields, hidden_activation: 'gelu_pytorch_tanh' };
}

const gpt2: Family = (keys, facts) => ({
  ...named('gpt2', 'GPT2LMHeadModel'),
  vocab_size: facts.vocabulary,
  n_embd: facts.hidden,
  n_layer: facts.blocks,
  n_head: facts.heads,
  n_inner: facts.inner,
  n_positions: facts.contextLength,
  n_ctx: facts.contextLength,
  activation_function: 'gelu_new',
  layer_norm_epsilon: keys.required('*.attention.layer_norm_epsilon'),
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  reorder_and_upcast_attn: false,
});

const gptneox: Family = (keys, facts) => ({
  ...named('gpt_neox', 'GPTNeoXForCausalLM'),
  vocab_size: facts.vocabulary,
  hidden_size: facts.hidden,
  intermediate_size: facts.inner,
  num_hidden_layers: facts.blocks,
  num_attention_heads: facts.heads,
  hidden_act: 'gelu',
  max_position_embeddings: facts.contextLength,
  layer_norm_eps: keys.required('*.attention.layer_norm_epsilon'),
  rotary_pct: facts.rotary / facts.headSize,
  rotary_emb_base: facts.theta,
  rope_theta: facts.theta,
  rope_scaling: facts.scaling,
  use_parallel_residual: keys.flag('*.use_parallel_residual') ?? true,
  attention_bias: true,
});

const bloom: Family = (keys, facts) => ({
  ...named('bloom', 'BloomForCausalLM'),
  vocab_size: facts.vocabulary,
  hidden_size: facts.hidden,
  n_layer: facts.blocks,
  n_head: facts.heads,
  num_attention_heads: facts.heads,
  seq_length: facts.contextLength,
  layer_norm_epsilon: keys.required('*.attention.layer_norm_epsilon'),
  apply_residual_connection_post_layernorm: false,
});

/** By the name of the architecture in GGUF; a row for each of `GGUF_ARCHITECTURES`. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  llama,
  smollm3,
  granite,
  qwen2,
  qwen3,
  phi3,
  olmo2,
  gemma2,
  gemma3,
  gpt2,
  gptneox,
  bloom,
};

function named(type: string, architecture: string): JsonObject {
  return { model_type: type, architectures: [architecture] };
}

function kinds(blocks: number, slides: (block: number) => boolean): string[] {
  return Array.from({ length: blocks }, (_, i) =>
    slides(i) ? 'sliding_attention' : 'full_attention',
  );
}

/** By the list of the file or the period that it names; else the last of each `period` is full. */
function sliding(keys: ArchitectureKeys, { blocks }: ModelFacts, period: number): string[] {
  const pattern = '*.attention.sliding_window_pattern';
  const list = keys.flags(pattern);
  if (list) {
    // A longer list is read from its start.
    if (list.length < blocks) throw keys.wrong(pattern, `a list for ${blocks} blocks`);
    return kinds(blocks, (i) => list[i]!);
  }
  const every = keys.number(pattern) ?? period;
  if (!Number.isSafeInteger(every) || every < 0) throw keys.wrong(pattern, 'a period');
  return kinds(blocks, (i) => every === 0 || i % every < every - 1);
}

function requireOneBase(keys: ArchitectureKeys, { theta }: ModelFacts): void {
  const local = keys.number('*.rope.freq_base_swa');
  if (local === null || local === theta) return;
  throw new EspalierError(
    'unsupported-graph',
    `The model has ${keys.key('*.rope.freq_base_swa')} = ${local} beside ${theta}, which ` +
      `Espalier cannot compute in the architecture ${keys.arch}.`,
    'Open the ONNX export of this model, or its checkpoint in safetensors.',
  );
}
