// A symmetric matrix in float64 whose lower triangle is kept in block columns: it is summed up from
// stripes, and its Cholesky factor takes its place.

import { EspalierError } from '../../errors.ts';
import { subtractProduct, type Window } from './products.ts';

/** Columns of a block: its square of float64 fits a core's cache. */
export const BLOCK = 64;

/** Rows of right-hand sides that are solved together. */
const SLAB = 256;
/** Products of blocks between two turns. */
const TURNS = 8;

/** Between two steps of long work: lets the event loop turn; throws what ends the work. */
export type Turn = () => Promise<void>;

export class SymmetricMatrix {
  readonly size: number;
  /**
   * Block column k: rows k * BLOCK .. size, row by row; of the diagonal block the lower triangle
   * counts.
   */
  private readonly columns: Float64Array[];

  constructor(size: number) {
    this.size = size;
    this.columns = Array.from(
      { length: Math.ceil(size / BLOCK) },
      (_, k) => new Float64Array((size - k * BLOCK) * this.width(k)),
    );
  }

  /** Bytes of a matrix of this size. */
  static bytes(size: number): number {
    let elements = 0;
    for (let from = 0; from < size; from += BLOCK)
      elements += (size - from) * Math.min(BLOCK, size - from);
    return elements * 8;
  }

  /**
   * Adds to the columns from..to of the lower triangle: `values` holds the rows from..size of these
   * columns, row by row. Where they lie above the diagonal they do not count.
   */
  addStripe(from: number, to: number, values: ArrayLike<number>): void {
    for (let at = from; at < to; ) {
      const k = Math.floor(at / BLOCK);
      const end = Math.min(to, (k + 1) * BLOCK);
      const own = this.columns[k]!;
      const width = this.width(k);
      for (let row = at; row < this.size; row++) {
        const source = (row - from) * (to - from) - from;
        const target = (row - k * BLOCK) * width - k * BLOCK;
        for (let column = at; column < end; column++)
          own[target + column]! += values[source + column]!;
      }
      at = end;
    }
  }

  /** The sum of its diagonal. */
  trace(): number {
    return this.diagonal().reduce((sum, value) => sum + value, 0);
  }

  /** A copy of its diagonal. */
  diagonal(): Float64Array {
    const values = new Float64Array(this.size);
    this.eachOnDiagonal((own, at, k) => {
      values[k] = own[at]!;
    });
    return values;
  }

  /** Adds to every element of the diagonal, or one value to each. */
  addToDiagonal(value: number | ArrayLike<number>): void {
    this.eachOnDiagonal((own, at, k) => {
      own[at]! += typeof value === 'number' ? value : value[k]!;
    });
  }

  /** Copies a column of the lower triangle from a row on, which is not above the diagonal. */
  copyColumn(column: number, from: number, target: Float64Array): void {
    const k = Math.floor(column / BLOCK);
    const [own, width] = [this.columns[k]!, this.width(k)];
    let at = (from - k * BLOCK) * width + column - k * BLOCK;
    for (let i = 0; i < target.length; i++, at += width) target[i] = own[at]!;
  }

  /** Gives up the columns from one on, but for those that share a block with one before it. */
  drop(from: number): void {
    for (let k = Math.ceil(from / BLOCK); k < this.columns.length; k++)
      this.columns[k] = new Float64Array(0);
  }

  /**
   * Replaces the matrix by its Cholesky factor L, A = L L'.
   * @throws EspalierError `bad-input` for a matrix that is not positive definite, what `turn`
   *   throws
   */
  async factorise(turn: Turn): Promise<void> {
    for (let k = 0; k < this.columns.length; k++) {
      this.factoriseDiagonal(k);
      this.solveRows(k, this.below(k, k + 1), this.size - (k + 1) * BLOCK);
      for (let j = k + 1; j < this.columns.length; j++) {
        await turn();
        const out = this.below(j, j);
        const left = this.below(k, j);
        subtractProduct(out, left, left, this.size - j * BLOCK, this.width(j), BLOCK);
      }
    }
  }

  /**
   * Solves L L' X = B for the factor L, in place: `right` is B transposed, (columns, size) row by
   * row.
   */
  async solve(right: Float64Array, turn: Turn): Promise<void> {
    const rows = right.length / this.size;
    for (let from = 0; from < rows; from += SLAB) {
      const slab = right.subarray(from * this.size, Math.min(rows, from + SLAB) * this.size);
      const panels = this.panelsOf(slab);
      await this.solveForward(panels, turn);
      await this.solveBack(panels, turn);
      this.putBack(panels, slab);
    }
  }

  /** Columns of a block next to each other: rows of a whole matrix lie too far apart for caches. */
  private panelsOf(slab: Float64Array): Window[] {
    const rows = slab.length / this.size;
    return this.columns.map((_, k) => {
      const stride = this.width(k);
      const values = new Float64Array(rows * stride);
      for (let row = 0; row < rows; row++) {
        const at = row * this.size + k * BLOCK;
        values.set(slab.subarray(at, at + stride), row * stride);
      }
      return { values, start: 0, stride };
    });
  }

  private putBack(panels: readonly Window[], slab: Float64Array): void {
    for (const [k, { values, stride }] of panels.entries())
      for (let row = 0; row < values.length / stride; row++) {
        const part = values.subarray(row * stride, (row + 1) * stride);
        slab.set(part, row * this.size + k * BLOCK);
      }
  }

  /** X L' = B. */
  private async solveForward(panels: readonly Window[], turn: Turn): Promise<void> {
    for (const [k, panel] of panels.entries()) {
      const rows = panel.values.length / panel.stride;
      await turn();
      this.solveRows(k, panel, rows);
      for (let i = k + 1; i < panels.length; i++) {
        if (i % TURNS === 0) await turn();
        subtractProduct(panels[i]!, panel, this.below(k, i), rows, this.width(i), BLOCK);
      }
    }
  }

  /** X L = B. */
  private async solveBack(panels: readonly Window[], turn: Turn): Promise<void> {
    const swapped = new Float64Array(BLOCK * BLOCK);
    const turned = { values: swapped, start: 0, stride: BLOCK };
    for (let k = panels.length - 1; k >= 0; k--) {
      const panel = panels[k]!;
      const rows = panel.values.length / panel.stride;
      await turn();
      for (let i = k + 1; i < panels.length; i++) {
        if (i % TURNS === 0) await turn();
        const block = this.below(k, i);
        const [height, width] = [this.width(i), this.width(k)];
        for (let r = 0; r < height; r++)
          for (let c = 0; c < width; c++)
            swapped[c * BLOCK + r] = block.values[block.start + r * block.stride + c]!;
        subtractProduct(panel, panels[i]!, turned, rows, width, height);
      }
      this.solveRowsBack(k, panel, rows);
    }
  }

  private eachOnDiagonal(visit: (own: Float64Array, at: number, k: number) => void): void {
    for (const [k, own] of this.columns.entries())
      for (let i = 0; i < this.width(k); i++) visit(own, i * this.width(k) + i, k * BLOCK + i);
  }

  private width(k: number): number {
    return Math.min(BLOCK, this.size - k * BLOCK);
  }

  /** Block column k from block row i on. */
  private below(k: number, i: number): Window {
    const width = this.width(k);
    return { values: this.columns[k]!, start: (i - k) * BLOCK * width, stride: width };
  }

  private factoriseDiagonal(k: number): void {
    const a = this.columns[k]!;
    const n = this.width(k);
    for (let j = 0; j < n; j++) {
      let pivot = a[j * n + j]!;
      for (let p = 0; p < j; p++) pivot -= a[j * n + p]! ** 2;
      if (!(pivot > 0 && Number.isFinite(pivot)))
        throw new EspalierError(
          'bad-input',
          `The least squares have no single solution: in direction ${k * BLOCK + j} of ` +
            `${this.size} the inputs of the product do not vary, or are not numbers.`,
          'Use more text, or a larger ridge.',
        );
      const root = Math.sqrt(pivot);
      a[j * n + j] = root;
      for (let i = j + 1; i < n; i++) {
        let sum = a[i * n + j]!;
        for (let p = 0; p < j; p++) sum -= a[i * n + p]! * a[j * n + p]!;
        a[i * n + j] = sum / root;
      }
    }
  }

  /** X L' = B for the diagonal block L of k, in place. */
  private solveRows(k: number, { values, start, stride }: Window, rows: number): void {
    const a = this.columns[k]!;
    const n = this.width(k);
    for (let row = 0; row < rows; row++) {
      const at = start + row * stride;
      for (let j = 0; j < n; j++) {
        let sum = values[at + j]!;
        for (let p = 0; p < j; p++) sum -= values[at + p]! * a[j * n + p]!;
        values[at + j] = sum / a[j * n + j]!;
      }
    }
  }

  /** X L = B, in place. */
  private solveRowsBack(k: number, { values, start, stride }: Window, rows: number): void {
    const a = this.columns[k]!;
    const n = this.width(k);
    for (let row = 0; row < rows; row++) {
      const at = start + row * stride;
      for (let j = n - 1; j >= 0; j--) {
        let sum = values[at + j]!;
        for (let p = j + 1; p < n; p++) sum -= values[at + p]! * a[p * n + j]!;
        values[at + j] = sum / a[j * n + j]!;
      }
    }
  }
}
