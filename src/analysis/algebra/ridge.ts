// Ridge regression of a linear product towards a target: how its matrix must change so that its
// output comes closer to it.

import { SymmetricMatrix, type Turn } from './symmetric.ts';

/**
 * Sums over tokens of what the least squares need, in float64: for inputs h (inputs) and what is
 * missing at the output r (outputs), h'h and r'h.
 */
export class RidgeSums {
  readonly inputs: number;
  readonly outputs: number;
  readonly gram: SymmetricMatrix;
  /** (outputs, inputs) row by row. */
  readonly cross: Float64Array;
  /** The sum of |r|^2. */
  squared = 0;

  constructor(inputs: number, outputs: number) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.gram = new SymmetricMatrix(inputs);
    this.cross = new Float64Array(outputs * inputs);
  }

  /** Bytes of the sums. */
  static bytes(inputs: number, outputs: number): number {
    return SymmetricMatrix.bytes(inputs) + outputs * inputs * 8;
  }

  /** Adds a part of r'h. */
  addCross(values: ArrayLike<number>): void {
    const { cross } = this;
    for (let k = 0; k < cross.length; k++) cross[k]! += values[k]!;
  }
}

/**
 * The change D of a matrix W (inputs, outputs) that minimises the sum over tokens of
 * |h (W + D) - h W - r|^2 + lambda |D|^2 with lambda = ridge * trace(h'h) / inputs:
 * D = (h'h + lambda I)^-1 h'r, by Cholesky's factorisation. The sums are used up.
 * @returns D transposed, (outputs, inputs) row by row
 * @throws EspalierError `bad-input` where the solution is not a single one; what `turn` throws
 */
export async function solveRidge(
  sums: RidgeSums,
  ridge: number,
  turn: Turn,
): Promise<{ change: Float64Array; lambda: number }> {
  const { gram, cross } = sums;
  const lambda = (ridge * gram.trace()) / gram.size;
  gram.addToDiagonal(lambda);
  await gram.factorise(turn);
  await gram.solve(cross, turn);
  return { change: cross, lambda };
}

/** Multiplications and additions of the solution: a third of a cube, and two triangles. */
export function ridgeOperations(inputs: number, outputs: number): number {
  return inputs ** 3 / 3 + 2 * inputs ** 2 * outputs;
}
