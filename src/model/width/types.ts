// Width pruning, to compare depth with: the parts of a block that can be made narrower, and which
// of them a plan takes out.

/** How groups and channels are scored and chosen. */
export type WidthMethod = 'wanda-sp' | 'flap' | 'llm-pruner';

/** A stored matrix of a sublayer. */
export interface WidthMatrix {
  /** Name of the stored tensor. */
  tensor: string;
  /** What it is; `qkv` and `gate-up` are fused, in this order along the outputs. */
  part: 'q' | 'k' | 'v' | 'qkv' | 'o' | 'gate' | 'up' | 'gate-up' | 'down';
  inputs: number;
  outputs: number;
  /** The stored values row by row: (inputs, outputs), or (outputs, inputs). */
  order: 'in-out' | 'out-in';
  /** The group or channel that owns each output; of o and down, each input. */
  owners: Int32Array;
}

/** A key-value group: its query heads, one key and one value head, their columns of o. */
export interface AttentionWidth {
  groups: number;
  queriesPerGroup: number;
  /** d, of queries and keys; values may have a size of their own. */
  headSize: number;
  valueSize: number;
  matrices: readonly WidthMatrix[];
  /** Weights of one group in all its matrices and biases. */
  groupWeights: number;
}

/** A channel: a row of gate and up, a column of down. */
export interface FeedForwardWidth {
  channels: number;
  matrices: readonly WidthMatrix[];
  /** Weights of one channel in all its matrices and biases. */
  channelWeights: number;
}

/** What of a block can be made narrower; null where an obstacle stands against it. */
export interface BlockWidth {
  block: number;
  attention: AttentionWidth | null;
  feedForward: FeedForwardWidth | null;
  /** Why not, as sentences. */
  obstacles: readonly string[];
}

/** What a plan takes out of a block. */
export interface BlockCut {
  /** Key-value groups and channels, ascending. */
  groups: readonly number[];
  channels: readonly number[];
  /** FLAP's compensation, added behind o and down, (C) float32; null = none. */
  attentionBias: Float32Array | null;
  feedForwardBias: Float32Array | null;
}

/** A narrower model: plain data that crosses threads. */
export interface WidthPlan {
  method: WidthMethod;
  /** Of the weights that can go. */
  ratio: number;
  /** Numbers of channels are multiples of this. */
  multiple: number;
  /** For every block of the source. */
  blocks: readonly BlockCut[];
}

/** Scores of the groups and channels of one block, higher = more important; float64. */
export interface WidthScores {
  groups: readonly number[];
  channels: readonly number[];
}
