// What is known about a model before any weight is read, as plain data for the page and `inspect`.

import type { TensorFormat } from '../../tensors/tensorFiles.ts';
import type { Sublayer } from '../../units.ts';
import type { DeclaredBlocks } from '../interop/declared.ts';

/**
 * Parameters (elements of weight tensors; quantised ones count unpacked, scales and zero points do
 * not count) and bytes (of everything).
 */
export interface Size {
  params: number;
  bytes: number;
}

export interface BlockSummary extends Size {
  index: number;
  /** Structural class: blocks of one class share a compiled program. */
  class: number;
  /** True when attention and feed-forward can be separated (there is a cut between them). */
  hasSublayers: boolean;
  attention: Size | null;
  feedForward: Size | null;
  /**
   * Bytes by which its KV cache grows per token; 0 for blocks with fixed states only, null when the
   * graph does not say.
   */
  kvBytesPerToken: number | null;
  /**
   * Bytes of its nodes, names and tensor entries in the graph file of an export, and of the padding
   * before its weights; not part of `bytes`.
   */
  graphBytes?: number;
  /** The share of the feed-forward sublayer in `graphBytes`; absent without `hasSublayers`. */
  feedForwardGraphBytes?: number;
  /** Why it cannot be removed alone, as a sentence; absent when it can. */
  unremovable?: string;
  /** Blocks that read its cache; it can be removed together with all of them. */
  borrowers?: readonly number[];
  /** Why a sublayer cannot be removed alone although `hasSublayers`; absent for those that can. */
  unremovableSublayers?: Partial<Record<Sublayer, string>>;
  /** The sublayer that an earlier removal took; absent when it has both. */
  lacks?: Sublayer;
}

/** Something unsupported or worth knowing; docs/formats.md lists the codes. */
export interface Problem {
  code: string;
  message: string;
}

export interface ModelSummary {
  /** Name of the folder. */
  name: string;
  /** config.json `model_type`, genai_config `model.type`, or "unknown". */
  family: string;
  /** The exporter that wrote the graph, as far as the graph says. */
  exporter: string;
  /** How the files lie; the last two are tensor files without a graph. */
  layout: 'transformers.js' | 'flat' | 'genai' | 'safetensors' | 'gguf';
  /** Path of the graph file, or of the tensor files, within the folder. */
  graph: string;
  /** Graphs that belong to the model beside it, and that an export takes along. */
  components?: (GraphComponent & Pick<Size, 'bytes'>)[];
  dtype: string;
  /**
   * The same of the graph that was made for tensor files: fp32, q8 or q4. Absent for a model that
   * has a graph.
   */
  graphDtype?: string;
  nodes: number;
  numBlocks: number;
  blocks: BlockSummary[];
  embedding: Size;
  /** `tied`: its matrix is the embedding table, which counts there. */
  head: Size & { tied: boolean };
  params: number;
  /** Bytes of the graph file and the external data that it uses. */
  bytes: number;
  /**
   * Bytes of graph file and external data in an export without removals: `bytes` without node
   * metadata, dead nodes and unused weights.
   */
  exportBytes?: number;
  /** Null when that of a block is unknown. */
  kvBytesPerToken: number | null;
  /** States of fixed size (of convolutions, say). */
  otherStates: { name: string; block: number; bytes: number | null }[];
  cuts: string[];
  /** The cut between attention and feed-forward of each block, or null. */
  midCuts: (string | null)[];
  sideValues: { name: string; type: string; blocks: number[] }[];
  /** Null when neither the graph nor a config says it. */
  hiddenSize: number | null;
  vocabSize: number | null;
  /** Token ids that stand for images, video or sound, which a text alone cannot have. */
  placeholders?: number[];
  /** Longest context the config declares, or null. */
  contextLength: number | null;
  /** What the configs say about single blocks, which other tools read by position. */
  declared?: DeclaredBlocks;
  /** False when perplexity cannot be computed; `problems` says why. */
  canScore: boolean;
  problems: Problem[];
}

/** A graph that belongs to a model beside its decoder. */
export interface GraphComponent {
  /** "embedding", "vision", "audio", "encoder", "with-past", or "other". */
  role: string;
  /** Path of the graph file within the folder. */
  path: string;
}

/** One of several models, or precisions of a model, of a folder. */
export interface GraphChoice {
  /** Path of the decoder graph, or of the tensor files (the index of shards), in the folder. */
  path: string;
  /** Folder of its model within the opened one, such as 'austen/'; '' for all of it. */
  model: string;
  /** As far as names and config.json say it; '' where they do not. */
  dtype: string;
  /** Bytes of its graph files and their external data files, or of its tensor files. */
  bytes: number;
  /** The format of tensor files; absent for a graph. */
  format?: TensorFormat;
  /** Graphs that belong to it; absent where the decoder is all there is. */
  components?: GraphComponent[];
}
