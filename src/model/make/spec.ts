// What a decoder computes, as plain data: what a family's config says, and what the template makes
// a graph of.

import type { Rope } from './rope.ts';
import type { ValueStep } from './weights.ts';

/** A decoder: embedding, blocks, last norm, head. Modules have their names in Transformers. */
export interface DecoderSpec {
  /** `model_type` of config.json. */
  family: string;
  hiddenSize: number;
  vocabSize: number;
  embedding: EmbeddingSpec;
  blocks: readonly BlockSpec[];
  /** The norm before the head. */
  norm: NormSpec | null;
  head: HeadSpec;
}

export interface EmbeddingSpec {
  /** "model.embed_tokens". */
  module: string;
  /** What the rows are multiplied by. */
  multiplier: number;
  /** A table of positions whose rows are added, or null. */
  positions: {
    module: string;
    /** Positions that there are, after `offset` rows that are none. */
    count: number;
    offset: number;
  } | null;
  /** A norm of the sum, or null. */
  norm: NormSpec | null;
}

/** One block: x + attention(x), then + feed-forward, with norms before and after each of them. */
export interface BlockSpec {
  norms: {
    beforeAttention: NormSpec | null;
    /** Of what the attention gives, before it is added. */
    afterAttention: NormSpec | null;
    /** Null where there is none; of `parallel`, where the one before the attention is of both. */
    beforeFeedForward: NormSpec | null;
    afterFeedForward: NormSpec | null;
  };
  attention: AttentionSpec;
  feedForward: FeedForwardSpec;
  /** Both read the block's input, and both results are added to it. */
  parallel: boolean;
  /** What attention and feed-forward are multiplied by before they are added. */
  residualMultiplier: number;
}

export interface AttentionSpec {
  heads: number;
  /** Heads of keys and values. */
  groups: number;
  /** Values of a head. */
  headSize: number;
  /** What the products of query and key are multiplied by. */
  scale: number;
  /** Positions that are seen, the own one included; null for all before it. */
  window: number | null;
  /** Scores s become c tanh(s / c); null without. */
  softcap: number | null;
  rotary: RotarySpec | null;
  /** The scores have a bias that falls with the distance (ALiBi). */
  alibi: boolean;
  projections:
    | { q: LinearSpec; k: LinearSpec; v: LinearSpec }
    /** Rows of the queries, then of the keys, then of the values. */
    | { qkv: LinearSpec };
  /** Norms of queries and keys before the rotation: of each head, or of all heads together. */
  queryNorm: NormSpec | null;
  keyNorm: NormSpec | null;
  output: LinearSpec;
}

/** down(act(gate(x)) * up(x)); without a gate down(act(up(x))). */
export interface FeedForwardSpec {
  activation: Activation;
  /** `gateUp`: rows of the gate, then as many of up. */
  projections: { gate: LinearSpec; up: LinearSpec } | { gateUp: LinearSpec } | { up: LinearSpec };
  down: LinearSpec;
}

/** "gelu-tanh" is the approximation by tanh. */
export type Activation = 'silu' | 'gelu' | 'gelu-tanh' | 'relu';

/** y = W x + b. */
export interface LinearSpec {
  /** "model.layers.0.self_attn.q_proj". */
  module: string;
  inputs: number;
  outputs: number;
  bias: boolean;
  /** Stored as (inputs, outputs), as Conv1D of GPT-2. */
  conv1d?: true;
  /** An order of the rows that the graph needs, of weight and bias alike. */
  rows?: Extract<ValueStep, { step: 'rows' }>;
}

export interface NormSpec {
  /** "model.layers.0.input_layernorm". */
  module: string;
  size: number;
  /** Root mean square, or mean and variance with a bias. */
  kind: 'rms' | 'layer';
  epsilon: number;
  /** Added to the stored weights: 1 for Gemma. */
  offset: number;
  /** It has neither weights nor a bias in the files. */
  plain?: true;
  /** Of `layer`: weights without a bias. */
  biasless?: true;
}

/** Rotary position embedding; blocks that share the object share its tables. */
export interface RotarySpec {
  /** Ending of the names of its tables: "" for cos_cache and sin_cache. */
  suffix: string;
  rope: Rope;
  /** Positions that the tables have. */
  positions: number;
  /** Pairs are neighbours, (2 k, 2 k + 1), not (k, k + pairs). */
  interleaved?: true;
}

interface HeadSpec {
  linear: LinearSpec;
  /** Its matrix is the table of the embedding. */
  tied: boolean;
  /** What the logits are multiplied by. */
  multiplier: number;
  /** Logits z become c tanh(z / c); null without. */
  softcap: number | null;
}
