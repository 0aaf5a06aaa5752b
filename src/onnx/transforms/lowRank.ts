// A matrix with a product of two thin ones added to it.

import { EspalierError } from '../../errors.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { floatsOf, rowSource } from './rows.ts';

/** All are parameters of the transform. */
interface LowRank {
  /** Of the stored matrix. */
  rows: number;
  columns: number;
  /** What a row belongs to: an input of the product (`in-out`) or an output of it (`out-in`). */
  order: 'in-out' | 'out-in';
  rank: number;
  scale: number;
  /** Outputs from..to of the product are added to. */
  from: number;
  to: number;
}

function formOf(parameters: Derivation['parameters']): LowRank {
  const number = (name: string): number => Number(parameters[name] ?? 0);
  return {
    rows: number('rows'),
    columns: number('columns'),
    order: parameters.order === 'out-in' ? 'out-in' : 'in-out',
    rank: number('rank'),
    scale: number('scale'),
    from: number('from'),
    to: number('to'),
  };
}

/**
 * W + scale x (B A)^T for W (inputs, outputs), W + scale x B A for W (outputs, inputs); sums in
 * float64, rounded once.
 * @param sources W in float32; A (rank, inputs) and B (to - from, rank) in float32.
 */
export function lowRankSource(
  [matrix, a, b]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const { rows, columns, order, rank, scale, from, to } = formOf(parameters);
  const outputs = order === 'in-out' ? columns : rows;
  const inputs = order === 'in-out' ? rows : columns;
  const fits =
    matrix?.size === rows * columns * 4 &&
    a?.size === rank * inputs * 4 &&
    b?.size === (to - from) * rank * 4 &&
    from >= 0 &&
    to <= outputs;
  if (!matrix || !a || !b || !fits)
    throw new EspalierError('bug', `${label} and what is added to it have different sizes.`);
  /** Read when the first row is made, and kept: both are thin. */
  let factors: Promise<[Float32Array, Float32Array]> | null = null;
  const read = async (): Promise<[Float32Array, Float32Array]> => {
    const [forInputs, forOutputs] = await Promise.all(
      [a, b].map(async (source) => floatsOf(await source.read(0, source.size))),
    );
    return order === 'in-out'
      ? [transposed(forInputs!, rank), transposed(forOutputs!, to - from)]
      : [forOutputs!, forInputs!];
  };
  // One row of W + what the weights of its own row make of the rows of the other factor.
  const [firstRow, lastRow] = order === 'in-out' ? [0, rows] : [from, to];
  const firstColumn = order === 'in-out' ? from : 0;
  const width = order === 'in-out' ? to - from : columns;
  const make = async (start: number, end: number): Promise<Uint8Array> => {
    factors ??= read();
    const bytes = matrix.read(start * columns * 4, (end - start) * columns * 4);
    const [[own, other], values] = [await factors, floatsOf(await bytes)];
    const sums = new Float64Array(width);
    for (let row = Math.max(start, firstRow); row < Math.min(end, lastRow); row++) {
      sums.fill(0);
      for (let r = 0; r < rank; r++) {
        const weight = scale * own[(row - firstRow) * rank + r]!;
        if (weight === 0) continue;
        for (let k = 0; k < width; k++) sums[k]! += weight * other[r * width + k]!;
      }
      const at = (row - start) * columns + firstColumn;
      for (let k = 0; k < width; k++) values[at + k]! += sums[k]!;
    }
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  };
  return rowSource({ rows, rowBytes: columns * 4, make }, label);
}

/** A matrix of so many rows as one of so many columns. */
function transposed(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < columns; k++) out[k * rows + row] = values[row * columns + k]!;
  return out;
}
