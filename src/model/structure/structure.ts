// The structure of a decoder graph: its blocks, the cuts between them, and the region of every
// node.

import type { Graph, Model } from '../../onnx/graph.ts';
import type { Sublayer } from '../../units.ts';
import type { RoleOf } from './roles.ts';

/** A cache or state of a block: a graph input, and the output that replaces it in the next step. */
export interface StatePair {
  input: string;
  output: string;
  /** 'kv' grows with the sequence (or is a static cache); 'fixed' has a constant size. */
  kind: 'kv' | 'fixed';
}

/** A transformer block: everything between two boundaries of the residual stream. */
export interface Block {
  /** 0-based ordinal in the original model. */
  index: number;
  /**
   * The layer index in the names of its states; indices may have gaps. Equal to `index` in graphs
   * without states, -1 for a block without attention or without a cache of its own.
   */
  stateIndex: number;
  states: StatePair[];
  /** Residual stream value before the block, (B, T, C). */
  input: string;
  /** Residual stream value after the block, (B, T, C). */
  output: string;
  /** The value between attention and feed-forward; null for parallel and unusual blocks. */
  mid: string | null;
  /**
   * The block whose keys and values its attention reads, where it computes none of its own; null
   * otherwise. That block can only be removed together with this one.
   */
  borrows: number | null;
  /** The sublayer that an earlier removal took, according to the graph's metadata, or null. */
  lacks: Sublayer | null;
  /** Why the block cannot be removed alone, as a sentence, or null. */
  unremovable: string | null;
}

/**
 * A decoder graph and its blocks. `graph` is sorted, with skip norms expanded; node positions index
 * `graph.nodes`. Regions: 0 = embedding and prologue, 1..N = block 0..N-1, N + 1 = head, -1 =
 * computed from constants alone (copied where needed).
 */
export interface Structure {
  model: Model;
  graph: Graph;
  /** N + 1 residual-stream values: before block 0, ..., after block N - 1. */
  cuts: string[];
  blocks: Block[];
  /** What the blocks were recognised by: caches, attention operators, or residual sums alone. */
  anchor: 'kv' | 'attention-op' | 'residual';
  roleOf: RoleOf;
  /** The graph input of token ids or embeddings. */
  tokenInput: string;
  /** True when the token input is `inputs_embeds`: there is no embedding table in the graph. */
  embedsInput: boolean;
  logits: string;
  /** False when the graph outputs logits of the last position only, or none. */
  perTokenLogits: boolean;
  /** True when there is no head; `logits` is then the last hidden state. */
  headless: boolean;
  /** Region of each node. */
  region: Int32Array;
  /**
   * Side values (masks, rotary tables, lengths): values of the prologue that blocks or the head
   * read, in order of first use, with the ordinals of the reading blocks.
   */
  sideValues: { name: string; blocks: number[] }[];
  /** Names of values that depend on initializers and constants alone. */
  constants: ReadonlySet<string>;
  /** Names of values that depend on the embedded tokens other than through their sizes. */
  content: ReadonlySet<string>;
  /**
   * Values of one region that another region reads although they are no boundary. A block cannot be
   * removed while such a reader stays.
   */
  leaks: readonly { value: string; from: number; to: number; reader: number }[];
  /** Value name to the position of its producer. */
  producer: ReadonlyMap<string, number>;
  /**
   * True for a prologue node that only rearranges caches of this block: it may be duplicated there.
   */
  copyable(block: number, position: number): boolean;
  /** ONNX element type of a value; 0 when unknown. */
  typeOf(value: string): number;
}
