// Criteria other than perplexity: magnitudes of the weights, and measures of the hidden states.

/**
 * Criteria from the hidden states of the original, means over the windows accumulated in float64.
 * Block Influence: 1 - mean cos(h_in, h_out) over tokens (ShortGPT). Angular distance:
 * mean arccos(cos(h_l, h_(l+n)))/pi at the last token (Gromov et al.). For both, low = safe to
 * remove.
 */
export interface HiddenCriteria {
  /** One per block. */
  blockInfluence: number[];
  /** `angular[n - 1][l]`: of n contiguous blocks from block l on; N - n + 1 values. */
  angular: number[][];
}

/**
 * Sums over the linear matrices of each block, dequantised as the graph does it, accumulated in
 * float64. Low = safe to remove.
 */
export interface Magnitudes {
  /** Sum of absolute values, one per block. */
  l1: number[];
  /** Sum of squares, not its root. */
  l2: number[];
  /** The same with the norm vectors of the block. */
  l1WithNorms: number[];
  l2WithNorms: number[];
  bytesRead: number;
  seconds: number;
}
