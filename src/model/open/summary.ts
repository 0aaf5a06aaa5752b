// What is known of a model before any weight is read, as plain data for the page and for `inspect`.
// Types only.

import type { Sublayer } from '../../units.ts';

/**
 * Parameters (elements of weight tensors, quantised ones counted unpacked, scales and zero points
 * not counted) and bytes (all of them).
 */
export interface Size {
  params: number;
  bytes: number;
}

export interface BlockSummary extends Size {
  index: number;
  /** Structural class: blocks of one class share one compiled program. */
  class: number;
  /** True when attention and feed-forward can be told apart (a cut between them exists). */
  hasSublayers: boolean;
  attention: Size | null;
  feedForward: Size | null;
  /** Bytes its KV cache grows by per token; 0 for blocks with fixed states only. */
  kvBytesPerToken: number;
  /**
   * What its nodes, names and tensor entries take in the graph file of an export, and padding of
   * its weights, in bytes; not in `bytes`.
   */
  graphBytes?: number;
  /**
   * What of `graphBytes` belongs to the feed-forward sublayer; absent where sublayers cannot be
   * told apart.
   */
  feedForwardGraphBytes?: number;
  /** Why it cannot be removed. Absent when it can. */
  unremovable?: string;
  /**
   * Why a sublayer of it cannot be removed alone although `hasSublayers`; absent for sublayers that
   * can.
   */
  unremovableSublayers?: Partial<Record<Sublayer, string>>;
  /** The sublayer that an earlier removal has taken; absent for whole blocks. */
  lacks?: Sublayer;
}

/**
 * Something unsupported or worth knowing. `code` is one of the documented problem codes
 * (docs/formats.md).
 */
export interface Problem {
  code: string;
  message: string;
}

export interface ModelSummary {
  /** Name of the folder. */
  name: string;
  /** config.json `model_type`, genai_config `model.type`, or "unknown". */
  family: string;
  /** Which exporter wrote the graph, as far as the graph tells. */
  exporter: string;
  layout: 'transformers.js' | 'flat' | 'genai';
  /** Path of the graph file within the folder. */
  graph: string;
  dtype: string;
  nodes: number;
  numBlocks: number;
  blocks: BlockSummary[];
  embedding: Size;
  /** `tied`: its matrix is the embedding table, whose bytes are counted there. */
  head: Size & { tied: boolean };
  params: number;
  /** Graph file plus external data that it uses. */
  bytes: number;
  /**
   * What an export without removals writes as graph file and data: `bytes` without node metadata,
   * dead nodes and unread weights.
   */
  exportBytes?: number;
  kvBytesPerToken: number;
  /** States of fixed size (convolution states, windows), listed apart. */
  otherStates: { name: string; block: number; bytes: number }[];
  cuts: string[];
  /** The cut between attention and feed-forward of each block, or null. */
  midCuts: (string | null)[];
  sideValues: { name: string; type: string; blocks: number[] }[];
  hiddenSize: number;
  vocabSize: number;
  /** Longest context the config declares, or null. */
  contextLength: number | null;
  /** False when perplexity cannot be computed; `problems` says why. */
  canScore: boolean;
  problems: Problem[];
}

/** A graph of a folder that has several. */
export interface GraphChoice {
  path: string;
  dtype: string;
  /** Graph file plus its external data files. */
  bytes: number;
}
