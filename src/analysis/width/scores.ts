// Scores of groups and channels out of statistics of columns: Wanda-sp and FLAP.

import type { RunningColumns } from './columns.ts';

/** What a product of o or down is made of, column by column. */
export interface ColumnWeights {
  /** Rows of W: what a column is a sum over. */
  outputs: number;
  /** Sum over rows of |W_ij|. */
  absolute: ArrayLike<number>;
  /** Sum over rows of W_ij squared. */
  squares: ArrayLike<number>;
}

/**
 * Wanda-sp, structured Wanda as the code of FLAP has it: the mean over rows of |W_ij| sqrt(n_j),
 * n_j the mean over windows of the sum over tokens of x_j squared.
 */
export function wandaColumns(
  { outputs, absolute }: ColumnWeights,
  { squares }: RunningColumns,
): Float64Array {
  return squares.map((n, j) => (absolute[j]! / outputs) * Math.sqrt(n));
}

/** FLAP's WIFV: the fluctuation of a column times the sum over rows of W_ij squared. */
export function flapColumns(
  { squares }: ColumnWeights,
  { fluctuation }: RunningColumns,
): Float64Array {
  return fluctuation.map((v, j) => v * squares[j]!);
}

/** Minus the mean, divided by the standard deviation with n - 1; zeros where all are equal. */
export function standardised(values: Float64Array): Float64Array {
  const mean = total(values) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (values.length - 1));
  if (squares === 0) return new Float64Array(values.length);
  return values.map((x) => (x - mean) / deviation);
}

/** Scores of groups or channels out of those of their columns. @param owners of the columns */
export function ofOwners(
  columns: Float64Array,
  owners: Int32Array,
  count: number,
  by: 'sum' | 'mean',
): number[] {
  const sums = new Array<number>(count).fill(0);
  const sizes = new Array<number>(count).fill(0);
  for (const [column, owner] of owners.entries()) {
    sums[owner]! += columns[column]!;
    sizes[owner]! += 1;
  }
  return by === 'sum' ? sums : sums.map((sum, owner) => sum / sizes[owner]!);
}

const total = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0);
