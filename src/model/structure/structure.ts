// What was found in a decoder graph: the blocks, the cuts between them and what belongs where.
// Types only.

import type { Graph, Model } from '../../onnx/graph.ts';
import type { Sublayer } from '../../units.ts';

/**
 * One cache or state of a block: a graph input and the output that replaces it in the next step.
 */
export interface StatePair {
  input: string;
  output: string;
  /**
   * 'kv' grows with the sequence (or is a static buffer of its capacity); 'fixed' has a constant
   * size (convolution state).
   */
  kind: 'kv' | 'fixed';
}

/** A transformer block: everything between two boundaries of the residual stream. */
export interface Block {
  /** 0-based ordinal in the original model. */
  index: number;
  /**
   * The integer in the names of its states (may have gaps); equals `index` for graphs without
   * states, -1 for a block that lacks attention.
   */
  stateIndex: number;
  states: StatePair[];
  /** Residual stream value before the block, (B, T, C). */
  input: string;
  /** Residual stream value after the block, (B, T, C). */
  output: string;
  /** The value between attention and feed-forward, or null (parallel residual, unusual blocks). */
  mid: string | null;
  /**
   * The sublayer that an earlier removal has taken from it, as far as the export tells; null for
   * whole blocks.
   */
  lacks: Sublayer | null;
  /** Why the block cannot be removed, or null. */
  unremovable: string | null;
}

/**
 * Result of the analysis. `graph` is the sorted graph with skip-norms expanded; node positions
 * index `graph.nodes`. Regions: 0 = embedding and prologue, 1..N = block 0..N-1, N + 1 = head, -1 =
 * constant cone (copied where needed).
 */
export interface Structure {
  model: Model;
  graph: Graph;
  /** N + 1 residual-stream values: before block 0, ..., after block N - 1. */
  cuts: string[];
  blocks: Block[];
  /** How blocks were recognised. */
  anchor: 'kv' | 'attention-op';
  /** Token ids or embeddings input. */
  tokenInput: string;
  /** True when the token input is `inputs_embeds`: there is no embedding table in the graph. */
  embedsInput: boolean;
  logits: string;
  /**
   * False when only the last position's logits come out, or none: perplexity is then impossible.
   */
  perTokenLogits: boolean;
  /** True when there is no head: `logits` then names the last hidden state. */
  headless: boolean;
  region: Int32Array;
  /**
   * Side values (mask, rotary tables, lengths): prologue values that blocks or the head read, in
   * order of first use, with the ordinals of the reading blocks.
   */
  sideValues: { name: string; blocks: number[] }[];
  /** Names of values that depend on initializers and constants alone. */
  constants: ReadonlySet<string>;
  /** Names of values that carry the embedded tokens (sizes of them excepted). */
  content: ReadonlySet<string>;
  /**
   * Values of one region that another one reads although they are no boundary; a block with such
   * readers outside a removal stays.
   */
  leaks: readonly { value: string; from: number; to: number }[];
  /** Value name to the position of its producer in `graph.nodes`. */
  producer: ReadonlyMap<string, number>;
  /**
   * Positions of prologue nodes that block `b` may duplicate (layout-only cones over its own
   * cache).
   */
  copyable(block: number, position: number): boolean;
  /** Element type of a value, or 0 when unknown. */
  typeOf(value: string): number;
}
