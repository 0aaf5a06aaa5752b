// The architectures of GGUF that are read: what Transformers calls their tensors, and what the
// converter did to the values. One row each.
// Source: github.com/ggml-org/llama.cpp at 2bbcf7f: gguf-py/gguf/tensor_mapping.py (names),
// conversion/llama.py, gemma.py, gpt2.py, gpt_neox.py, bloom.py (`modify_tensors`: values).

import type { ValueStep } from '../weights.ts';

/** Head counts that the order of rows depends on. */
export interface Heads {
  query: number;
  keyValue: number;
}

/** What undoes the change of a tensor, by its name in the file without block and suffix. */
type Undo = (tensor: string, suffix: string, heads: Heads) => readonly ValueStep[];

export interface GgufArchitecture {
  /** Where the blocks are: "model.layers". */
  blocks: string;
  /** Names outside the blocks, without ".weight" and ".bias". */
  outside: Readonly<Record<string, string>>;
  /** Names within a block. */
  inside: Readonly<Record<string, string>>;
  undo?: Undo;
  /** Tensors of rotary factors that are read. */
  factors?: readonly string[];
}

const FACTORS = ['rope_freqs.weight'];
const LONG_FACTORS = ['rope_factors_long.weight', 'rope_factors_short.weight'];

const LLAMA_OUTSIDE = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

const ATTENTION = {
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
};

const MLP = {
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const QK_NORMS = {
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
};

const PRE_NORMS = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
};

const LLAMA_INSIDE = { ...PRE_NORMS, ...ATTENTION, ...MLP };

const GEMMA_INSIDE = {
  attn_norm: 'input_layernorm',
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
  ...ATTENTION,
  ...MLP,
};

/** Queries and keys in interleaved rotary order (`LlamaModel.permute`). */
const interleaved: Undo = (tensor, _, { query, keyValue }) => {
  if (tensor !== 'attn_q' && tensor !== 'attn_k') return [];
  return [{ step: 'rows', order: 'halves', heads: tensor === 'attn_q' ? query : keyValue }];
};

/** Gemma multiplies with 1 + weight, and the file holds that. */
const shiftedNorms: Undo = (tensor, suffix) =>
  tensor.endsWith('norm') && suffix === 'weight' ? [{ step: 'add', value: -1 }] : [];

/** GPT-2 stores (in, out), the file (out, in). */
const transposedProducts: Undo = (tensor, suffix) =>
  suffix === 'weight' && ['attn_qkv', 'attn_output', 'ffn_up', 'ffn_down'].includes(tensor)
    ? [{ step: 'transpose' }]
    : [];

/** Fused projections head by head in the checkpoint, part by part in the file. */
const headByHead: Undo = (tensor, _, { query }) =>
  tensor === 'attn_qkv' ? [{ step: 'rows', order: 'parts', heads: query, back: true }] : [];

const llama = (undo?: Undo): GgufArchitecture => ({
  blocks: 'model.layers',
  outside: LLAMA_OUTSIDE,
  inside: LLAMA_INSIDE,
  ...(undo && { undo }),
});

export const GGUF_ARCHITECTURES: Readonly<Record<string, GgufArchitecture>> = {
  llama: { ...llama(interleaved), factors: [...FACTORS, ...LONG_FACTORS] },
  smollm3: { ...llama(interleaved), factors: FACTORS },
  granite: { ...llama(interleaved), factors: [...FACTORS, ...LONG_FACTORS] },
  qwen2: llama(),
  qwen3: { ...llama(), inside: { ...LLAMA_INSIDE, ...QK_NORMS } },
  phi3: {
    ...llama(),
    factors: LONG_FACTORS,
    inside: {
      ...PRE_NORMS,
      attn_qkv: 'self_attn.qkv_proj',
      attn_output: 'self_attn.o_proj',
      ffn_up: 'mlp.gate_up_proj',
      ffn_down: 'mlp.down_proj',
    },
  },
  olmo2: {
    ...llama(),
    inside: {
      post_attention_norm: 'post_attention_layernorm',
      post_ffw_norm: 'post_feedforward_layernorm',
      ...QK_NORMS,
      ...ATTENTION,
      ...MLP,
    },
  },
  gemma2: { ...llama(shiftedNorms), inside: GEMMA_INSIDE },
  gemma3: { ...llama(shiftedNorms), inside: { ...GEMMA_INSIDE, ...QK_NORMS } },
  gpt2: {
    blocks: 'transformer.h',
    outside: {
      token_embd: 'transformer.wte',
      position_embd: 'transformer.wpe',
      output_norm: 'transformer.ln_f',
      output: 'lm_head',
    },
    inside: {
      attn_norm: 'ln_1',
      attn_qkv: 'attn.c_attn',
      attn_output: 'attn.c_proj',
      ffn_norm: 'ln_2',
      ffn_up: 'mlp.c_fc',
      ffn_down: 'mlp.c_proj',
    },
    undo: transposedProducts,
  },
  gptneox: {
    blocks: 'gpt_neox.layers',
    outside: {
      token_embd: 'gpt_neox.embed_in',
      output_norm: 'gpt_neox.final_layer_norm',
      output: 'embed_out',
    },
    inside: {
      attn_norm: 'input_layernorm',
      attn_qkv: 'attention.query_key_value',
      attn_output: 'attention.dense',
      ffn_norm: 'post_attention_layernorm',
      ffn_up: 'mlp.dense_h_to_4h',
      ffn_down: 'mlp.dense_4h_to_h',
    },
    undo: headByHead,
  },
  bloom: {
    blocks: 'transformer.h',
    outside: {
      token_embd: 'transformer.word_embeddings',
      token_embd_norm: 'transformer.word_embeddings_layernorm',
      output_norm: 'transformer.ln_f',
      output: 'lm_head',
    },
    inside: {
      attn_norm: 'input_layernorm',
      attn_qkv: 'self_attention.query_key_value',
      attn_output: 'self_attention.dense',
      ffn_norm: 'post_attention_layernorm',
      ffn_up: 'mlp.dense_h_to_4h',
      ffn_down: 'mlp.dense_4h_to_h',
    },
    undo: headByHead,
  },
};
