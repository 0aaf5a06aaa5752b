// Matrices over pairs of positions that depend on which comes first, made in the graph out of the
// positions: as constants they would grow with the square of the window.

import type { DataType } from '../../onnx/graph.ts';
import type { Builder } from '../build/builder.ts';

/** What a masked logit gets added: exp of it is 0, and it stays finite in every sum. */
export const MASKED = -1e30;

/** Numbers of a matrix on and below a diagonal, and above it. */
interface Triangle {
  below: number;
  above: number;
  /** 0 is the main diagonal, positive ones lie above it. */
  diagonal?: number;
}

/** (1, 1, rows, columns) */
export function triangle(
  b: Builder,
  type: DataType,
  [rows, columns]: readonly [number, number],
  { below, above, diagonal = 0 }: Triangle,
): string {
  const line = (count: number, dims: readonly number[], first: number): string =>
    b.constant(
      type,
      dims,
      Array.from({ length: count }, (_, k) => first + k),
    );
  const row = line(rows, [1, 1, rows, 1], diagonal);
  const column = line(columns, [1, 1, 1, columns], 0);
  const beyond = b.compare('Greater', column, row);
  return b.where(beyond, b.scalar(above, type), b.scalar(below, type));
}

/**
 * (1, 1, S, T): 0 where a query sees a key, a large negative number elsewhere. The last query sees
 * the last key, itself; with a window it sees itself and `window - 1` before it.
 */
export function causalMask(
  b: Builder,
  type: DataType,
  [length, total]: readonly [number, number],
  window = 0,
): string {
  const last = total - length;
  const later = triangle(b, type, [length, total], { below: 0, above: MASKED, diagonal: last });
  if (window <= 0) return later;
  const diagonal = last - window;
  return b.add(later, triangle(b, type, [length, total], { below: MASKED, above: 0, diagonal }));
}
