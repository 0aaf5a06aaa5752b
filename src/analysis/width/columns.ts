// Statistics of what a product reads, column by column, over windows of tokens that come one after
// the other. All in float64.

/** One window: sums over its tokens, by column. */
export interface WindowSums {
  tokens: number;
  sum: Float64Array;
  squares: Float64Array;
}

/** FLAP's variance: by its formula, or as its published code runs. */
export type FlapVariance = 'formula' | 'as-run';

/** @param values (tokens, columns) row by row */
export function windowSums(values: Float32Array, columns: number): WindowSums {
  const sum = new Float64Array(columns);
  const squares = new Float64Array(columns);
  for (let from = 0; from < values.length; from += columns)
    for (let j = 0; j < columns; j++) {
      const x = values[from + j]!;
      sum[j]! += x;
      squares[j]! += x * x;
    }
  return { tokens: values.length / columns, sum, squares };
}

/**
 * What Wanda-sp and FLAP (An et al. 2024, and its code) take of the windows so far. Every window
 * counts the same, however long it is.
 */
export class RunningColumns {
  /** Mean over windows of the sum over tokens of x squared: Wanda's n_j. */
  readonly squares: Float64Array;
  /** Mean over windows of the mean over tokens. */
  readonly means: Float64Array;
  /**
   * FLAP's fluctuation: with every window but the first, v (n - 1) / n + the sum over its tokens of
   * (x - mean) (x - earlier mean) / (n + 1), where n windows came before. As the code runs, the
   * earlier mean is the new one, which it has overwritten by then.
   */
  readonly fluctuation: Float64Array;
  private readonly variance: FlapVariance;
  private windows = 0;

  constructor(columns: number, variance: FlapVariance) {
    this.squares = new Float64Array(columns);
    this.means = new Float64Array(columns);
    this.fluctuation = new Float64Array(columns);
    this.variance = variance;
  }

  add({ tokens, sum, squares }: WindowSums): void {
    const n = this.windows;
    const { means, fluctuation, variance } = this;
    for (let j = 0; j < means.length; j++) {
      const before = means[j]!;
      const mean = (before * n) / (n + 1) + sum[j]! / tokens / (n + 1);
      const other = variance === 'as-run' ? mean : before;
      means[j] = mean;
      this.squares[j] = (this.squares[j]! * n) / (n + 1) + squares[j]! / (n + 1);
      if (n === 0) continue;
      const around = squares[j]! - (mean + other) * sum[j]! + tokens * mean * other;
      fluctuation[j] = (fluctuation[j]! * (n - 1)) / n + around / (n + 1);
    }
    this.windows = n + 1;
  }
}
