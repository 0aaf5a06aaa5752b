// Configs of published checkpoints, with every field of theirs that could mean something: all are
// read, and say what the model computes.

import { expect, test } from 'vitest';
import type { JsonObject } from '../../../json.ts';
import { decoderSpec } from './table.ts';

const full = (count: number): string[] => Array(count).fill('full_attention');

/** As on huggingface.co in 2025, without ids of tokens, dropouts and names. */
const CONFIGS: Record<string, JsonObject> = {
  'meta-llama/Llama-3.2-1B': {
    ...{ model_type: 'llama', attention_bias: false, head_dim: 64, hidden_act: 'silu' },
    ...{ hidden_size: 2048, intermediate_size: 8192, max_position_embeddings: 131072 },
    ...{ mlp_bias: false, num_attention_heads: 32, num_hidden_layers: 16, pretraining_tp: 1 },
    ...{ num_key_value_heads: 8, rms_norm_eps: 1e-5, rope_theta: 500000, vocab_size: 128256 },
    rope_scaling: {
      ...{ factor: 32, high_freq_factor: 4, low_freq_factor: 1, rope_type: 'llama3' },
      original_max_position_embeddings: 8192,
    },
    tie_word_embeddings: true,
  },
  'HuggingFaceTB/SmolLM2-135M': {
    ...{ model_type: 'llama', hidden_size: 576, intermediate_size: 1536, hidden_act: 'silu' },
    ...{ is_llama_config: true, rope_interleaved: false, rope_scaling: null, rope_theta: 100000 },
    ...{ num_attention_heads: 9, num_hidden_layers: 30, num_key_value_heads: 3 },
    ...{ max_position_embeddings: 8192, rms_norm_eps: 1e-5, tie_word_embeddings: true },
    vocab_size: 49152,
  },
  'lmsys/vicuna-7b-v1.5': {
    ...{ model_type: 'llama', hidden_size: 4096, intermediate_size: 11008, hidden_act: 'silu' },
    ...{ max_position_embeddings: 4096, num_attention_heads: 32, num_hidden_layers: 32 },
    ...{ num_key_value_heads: 32, pretraining_tp: 1, rms_norm_eps: 1e-5, rope_scaling: null },
    ...{ tie_word_embeddings: false, vocab_size: 32000 },
  },
  'mistralai/Mistral-7B-v0.1': {
    ...{ model_type: 'mistral', hidden_size: 4096, intermediate_size: 14336, hidden_act: 'silu' },
    ...{ max_position_embeddings: 32768, num_attention_heads: 32, num_hidden_layers: 32 },
    ...{ num_key_value_heads: 8, rms_norm_eps: 1e-5, rope_theta: 10000, sliding_window: 4096 },
    ...{ tie_word_embeddings: false, vocab_size: 32000 },
  },
  'mistralai/Mistral-Nemo-Base-2407': {
    ...{ model_type: 'mistral', hidden_size: 5120, intermediate_size: 14336, head_dim: 128 },
    ...{ hidden_act: 'silu', max_position_embeddings: 128000, num_attention_heads: 32 },
    ...{ num_hidden_layers: 40, num_key_value_heads: 8, rope_theta: 1e6, sliding_window: null },
    ...{ rms_norm_eps: 1e-5, tie_word_embeddings: false, vocab_size: 131072 },
  },
  'Qwen/Qwen2.5-0.5B': {
    ...{ model_type: 'qwen2', hidden_size: 896, intermediate_size: 4864, hidden_act: 'silu' },
    ...{ max_position_embeddings: 32768, max_window_layers: 24, num_attention_heads: 14 },
    ...{ num_hidden_layers: 24, num_key_value_heads: 2, rms_norm_eps: 1e-6, rope_theta: 1e6 },
    ...{ sliding_window: 32768, use_mrope: false, use_sliding_window: false, vocab_size: 151936 },
    tie_word_embeddings: true,
  },
  'Qwen/Qwen3-0.6B': {
    ...{ model_type: 'qwen3', attention_bias: false, head_dim: 128, hidden_act: 'silu' },
    ...{ hidden_size: 1024, intermediate_size: 3072, max_position_embeddings: 40960 },
    ...{ max_window_layers: 28, num_attention_heads: 16, num_hidden_layers: 28 },
    ...{ num_key_value_heads: 8, rms_norm_eps: 1e-6, rope_scaling: null, rope_theta: 1e6 },
    ...{ sliding_window: null, tie_word_embeddings: true, use_sliding_window: false },
    vocab_size: 151936,
  },
  'HuggingFaceTB/SmolLM3-3B': {
    ...{ model_type: 'smollm3', attention_bias: false, hidden_act: 'silu', hidden_size: 2048 },
    ...{ intermediate_size: 11008, layer_types: full(36), max_position_embeddings: 65536 },
    ...{ max_window_layers: 28, mlp_bias: false, no_rope_layer_interval: 4 },
    no_rope_layers: Array.from({ length: 36 }, (_, k) => Number((k + 1) % 4 !== 0)),
    ...{ num_attention_heads: 16, num_hidden_layers: 36, num_key_value_heads: 4 },
    ...{ pretraining_tp: 2, rms_norm_eps: 1e-6, rope_scaling: null, rope_theta: 5e6 },
    ...{ sliding_window: null, use_sliding_window: false, vocab_size: 128256 },
  },
  'google/gemma-2-2b': {
    ...{ model_type: 'gemma2', attention_bias: false, attn_logit_softcapping: 50 },
    ...{ cache_implementation: 'hybrid', final_logit_softcapping: 30, head_dim: 256 },
    ...{ hidden_act: 'gelu_pytorch_tanh', hidden_activation: 'gelu_pytorch_tanh' },
    ...{ hidden_size: 2304, intermediate_size: 9216, max_position_embeddings: 8192 },
    ...{ num_attention_heads: 8, num_hidden_layers: 26, num_key_value_heads: 4 },
    ...{ query_pre_attn_scalar: 256, rms_norm_eps: 1e-6, rope_theta: 10000 },
    ...{ sliding_window: 4096, vocab_size: 256000 },
  },
  'google/gemma-3-1b-pt': {
    ...{ model_type: 'gemma3_text', attention_bias: false, attn_logit_softcapping: null },
    ...{ cache_implementation: 'hybrid', final_logit_softcapping: null, head_dim: 256 },
    ...{ hidden_activation: 'gelu_pytorch_tanh', hidden_size: 1152, intermediate_size: 6912 },
    ...{ max_position_embeddings: 32768, num_attention_heads: 4, num_hidden_layers: 26 },
    ...{ num_key_value_heads: 1, query_pre_attn_scalar: 256, rms_norm_eps: 1e-6 },
    ...{ rope_local_base_freq: 10000, rope_scaling: null, rope_theta: 1e6 },
    ...{ sliding_window: 512, sliding_window_pattern: 6, vocab_size: 262144 },
  },
  'microsoft/Phi-4-mini-instruct': {
    ...{ model_type: 'phi3', attention_bias: false, full_attn_mod: 1, hidden_act: 'silu' },
    ...{ hidden_size: 3072, intermediate_size: 8192, interpolate_factor: 1, lm_head_bias: false },
    ...{ max_position_embeddings: 131072, mlp_bias: false, num_attention_heads: 24 },
    ...{ num_hidden_layers: 32, num_key_value_heads: 8, partial_rotary_factor: 0.75 },
    ...{ original_max_position_embeddings: 4096, rms_norm_eps: 1e-5, rope_theta: 10000 },
    rope_scaling: {
      long_factor: Array(48).fill(2),
      short_factor: Array(48).fill(1),
      type: 'longrope',
    },
    ...{ sliding_window: 262144, tie_word_embeddings: true, vocab_size: 200064 },
  },
  'ibm-granite/granite-3.1-2b-base': {
    ...{ model_type: 'granite', attention_bias: false, attention_multiplier: 0.015625 },
    ...{ embedding_multiplier: 12, hidden_act: 'silu', hidden_size: 2048, logits_scaling: 8 },
    ...{ intermediate_size: 8192, max_position_embeddings: 131072, mlp_bias: false },
    ...{ num_attention_heads: 32, num_hidden_layers: 40, num_key_value_heads: 8 },
    ...{ residual_multiplier: 0.22, rms_norm_eps: 1e-5, rope_scaling: null, rope_theta: 5e6 },
    ...{ tie_word_embeddings: true, vocab_size: 49152 },
  },
  'allenai/OLMo-2-0425-1B': {
    ...{ model_type: 'olmo2', attention_bias: false, hidden_act: 'silu', hidden_size: 2048 },
    ...{ intermediate_size: 8192, max_position_embeddings: 4096, num_attention_heads: 16 },
    ...{ num_hidden_layers: 16, num_key_value_heads: 16, rms_norm_eps: 1e-6 },
    ...{ rope_scaling: null, rope_theta: 500000, tie_word_embeddings: false, vocab_size: 100352 },
  },
  'openai-community/gpt2': {
    ...{ model_type: 'gpt2', activation_function: 'gelu_new', layer_norm_epsilon: 1e-5 },
    ...{ n_ctx: 1024, n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024 },
    ...{ summary_type: 'cls_index', task_specific_params: {}, vocab_size: 50257 },
  },
  'facebook/opt-125m': {
    ...{ model_type: 'opt', _remove_final_layer_norm: false, activation_function: 'relu' },
    ...{ do_layer_norm_before: true, enable_bias: true, ffn_dim: 3072, hidden_size: 768 },
    ...{ layer_norm_elementwise_affine: true, max_position_embeddings: 2048, prefix: '</s>' },
    ...{ num_attention_heads: 12, num_hidden_layers: 12, vocab_size: 50272 },
    word_embed_proj_dim: 768,
  },
  'EleutherAI/pythia-70m': {
    ...{ model_type: 'gpt_neox', hidden_act: 'gelu', hidden_size: 512, intermediate_size: 2048 },
    ...{ layer_norm_eps: 1e-5, max_position_embeddings: 2048, num_attention_heads: 8 },
    ...{ num_hidden_layers: 6, rotary_emb_base: 10000, rotary_pct: 0.25, vocab_size: 50304 },
    ...{ tie_word_embeddings: false, use_parallel_residual: true },
  },
  'bigscience/bloom-560m': {
    ...{ model_type: 'bloom', apply_residual_connection_post_layernorm: false },
    ...{ attention_softmax_in_fp32: true, bias_dropout_fusion: true, hidden_size: 1024 },
    ...{ layer_norm_epsilon: 1e-5, masked_softmax_fusion: true, n_head: 16, n_layer: 24 },
    ...{ offset_alibi: 100, pretraining_tp: 1, seq_length: 2048, skip_bias_add: true },
    ...{ skip_bias_add_qkv: false, slow_but_exact: false, vocab_size: 250880 },
  },
};

/** Blocks, heads x size of a head, rotated values of one, windows of the first blocks. */
const SAID: Record<string, string> = {
  'meta-llama/Llama-3.2-1B': '16 32x64 64 -,-,-,-,-,- tied',
  'HuggingFaceTB/SmolLM2-135M': '30 9x64 64 -,-,-,-,-,- tied',
  'lmsys/vicuna-7b-v1.5': '32 32x128 128 -,-,-,-,-,-',
  'mistralai/Mistral-7B-v0.1': '32 32x128 128 4096,4096,4096,4096,4096,4096',
  'mistralai/Mistral-Nemo-Base-2407': '40 32x128 128 -,-,-,-,-,-',
  'Qwen/Qwen2.5-0.5B': '24 14x64 64 -,-,-,-,-,- tied',
  'Qwen/Qwen3-0.6B': '28 16x128 128 -,-,-,-,-,- tied',
  'HuggingFaceTB/SmolLM3-3B': '36 16x128 128 -,-,-,-,-,- tied',
  'google/gemma-2-2b': '26 8x256 256 4096,-,4096,-,4096,- tied',
  'google/gemma-3-1b-pt': '26 4x256 256 512,512,512,512,512,- tied',
  'microsoft/Phi-4-mini-instruct': '32 24x128 96 262144,262144,262144,262144,262144,262144 tied',
  'ibm-granite/granite-3.1-2b-base': '40 32x64 64 -,-,-,-,-,- tied',
  'allenai/OLMo-2-0425-1B': '16 16x128 128 -,-,-,-,-,-',
  'openai-community/gpt2': '12 12x64 0 -,-,-,-,-,- tied',
  'facebook/opt-125m': '12 12x64 0 -,-,-,-,-,- tied',
  'EleutherAI/pythia-70m': '6 8x64 16 -,-,-,-,-,-',
  'bigscience/bloom-560m': '24 16x64 0 -,-,-,-,-,- tied',
};

test.each(Object.entries(CONFIGS))('%s', (name, config) => {
  const { blocks, head } = decoderSpec(config);
  const { heads, headSize, rotary } = blocks[0]!.attention;
  const rotated = 2 * (rotary?.rope.inverseFrequencies.length ?? 0);
  const windows = blocks.slice(0, 6).map(({ attention }) => attention.window ?? '-');
  const said = [blocks.length, `${heads}x${headSize}`, rotated, windows.join()];
  expect([...said, ...(head.tied ? ['tied'] : [])].join(' ')).toBe(SAID[name]);
});
