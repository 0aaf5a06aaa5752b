// GPTQ: the columns of a matrix are rounded to few bits one after the other, and what each loses is
// made up for in those that follow, by the second-order statistics of its inputs.

import { EspalierError } from '../../errors.ts';
import { subtractProduct } from './products.ts';
import { BLOCK, SymmetricMatrix, type Turn } from './symmetric.ts';

/** Of the mean of H's diagonal: what is added to the diagonal. */
const DAMPING = 0.01;

/** Rows that are rounded together: their values stay in a core's second cache. */
const SLAB = 64;

/** Columns from..to, which share a scale. */
interface Panel {
  from: number;
  to: number;
  /** The columns of R above `from`: (to - from, from), a column after the other. */
  above: Float64Array;
  /** R from `from` to `to`, row by row; upper. */
  own: Float64Array;
}

/**
 * The upper triangular R with H + damping = R R', by which the errors of earlier columns are spread
 * over later ones. With U the upper Cholesky factor of the inverse, R = U^-1: the same steps as
 * with U, without an inverse.
 */
export interface InputFactor {
  readonly inputs: number;
  /** Inputs that are always zero, whose weights count as zero. */
  readonly dead: readonly number[];
  /** In the order of the inputs. */
  readonly panels: readonly Panel[];
}

/** Bytes of the sums, which their factor takes the place of panel by panel. */
export function factorBytes(inputs: number, block: number): number {
  return SymmetricMatrix.bytes(inputs) + 8 * inputs * (block + BLOCK);
}

/**
 * The factor of H = 2/n X'X, whose diagonal counts as 1 where it is zero; a constant factor of all
 * of H cancels out.
 * @param sums X'X with the inputs in reverse order: its lower Cholesky factor is R in reverse; used
 *   up
 * @param tokens n
 * @param block inputs that share a scale
 * @param label the matrices, for messages
 * @throws EspalierError `bad-input` for sums that are no numbers; what `turn` throws
 * @source Frantar et al. 2022, GPTQ, section 3.3; Chee et al. 2023, QuIP, theorem 6
 */
export async function factorInputs(
  sums: SymmetricMatrix,
  tokens: number,
  block: number,
  label: string,
  turn: Turn,
): Promise<InputFactor> {
  const inputs = sums.size;
  const diagonal = sums.diagonal();
  const dead = [...diagonal.keys()].filter((k) => diagonal[k] === 0);
  for (const k of dead) diagonal[k] = tokens / 2;
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / inputs;
  const isDead = new Set(dead);
  sums.addToDiagonal(diagonal.map((value, k) => DAMPING * mean + (isDead.has(k) ? value : 0)));
  try {
    if (!Number.isFinite(mean)) throw notNumbers(label);
    await sums.factorise(turn);
  } catch (error) {
    if (error instanceof EspalierError && error.code === 'bad-input') throw notNumbers(label);
    throw error;
  }
  const panels: Panel[] = [];
  for (let from = 0; from < inputs; from += block) {
    await turn();
    const to = Math.min(inputs, from + block);
    panels.push(panelOf(sums, from, to));
    sums.drop(inputs - to);
  }
  return { inputs, dead: dead.map((k) => inputs - 1 - k).reverse(), panels };
}

function notNumbers(label: string): EspalierError {
  return new EspalierError(
    'bad-input',
    `The second-order statistics of what ${label} multiplies are not finite numbers.`,
    'Round to the nearest (RTN), or keep these matrices in float.',
  );
}

/** Element (p, j) of R is that at (inputs - 1 - p, inputs - 1 - j) of the lower factor. */
function panelOf(lower: SymmetricMatrix, from: number, to: number): Panel {
  const width = to - from;
  const last = lower.size - 1;
  const above = new Float64Array(width * from);
  const own = new Float64Array(width * width);
  const column = new Float64Array(to);
  for (let j = from; j < to; j++) {
    const values = column.subarray(0, j + 1);
    lower.copyColumn(last - j, last - j, values);
    for (let p = 0; p < from; p++) above[(j - from) * from + p] = values[j - p]!;
    for (let p = from; p <= j; p++) own[(p - from) * width + j - from] = values[j - p]!;
  }
  return { from, to, above, own };
}

/** A rounded row: values are (q - zero) * scale. */
export interface RoundedRow {
  /** (inputs) 0 .. 15. */
  q: Uint8Array;
  /** (blocks), as they are stored. */
  scales: Float64Array;
  /** (blocks) 0 .. 15. */
  zeros: Uint8Array;
}

export interface RowsToRound {
  outputs: number;
  inputs: number;
  /** Inputs that share a scale. */
  block: number;
  /** Writes a row of the matrix. */
  read(row: number, target: Float64Array): void;
  /** A scale as it will be read again. */
  storedScale(scale: number): number;
  /** What becomes of a row; the arrays are used again for the next. */
  put(row: number, rounded: RoundedRow): void;
}

/**
 * Rounds a matrix (outputs, inputs) to 4 bits, asymmetric with integer zero points. Scale and zero
 * point of a block are those of its columns as they are made up for when the block starts.
 * @param factor null rounds each weight to the nearest
 * @throws EspalierError what `turn` and `matrix` throw
 */
export async function roundRows(
  matrix: RowsToRound,
  factor: InputFactor | null,
  turn: Turn,
): Promise<void> {
  const { outputs, inputs, block } = matrix;
  const panels = factor?.panels ?? plainPanels(inputs, block);
  const values = new Float64Array(Math.min(SLAB, outputs) * inputs);
  // A slab of rows with what earlier columns add to each column of a panel, negative.
  const pending = new Float64Array(SLAB * block);
  const rounded = Array.from({ length: Math.min(SLAB, outputs) }, (): RoundedRow => {
    return {
      q: new Uint8Array(inputs),
      scales: new Float64Array(panels.length),
      zeros: new Uint8Array(panels.length),
    };
  });
  const columns = new PanelColumns(block, (scale) => matrix.storedScale(scale));
  for (let first = 0; first < outputs; first += SLAB) {
    const rows = Math.min(SLAB, outputs - first);
    for (let row = 0; row < rows; row++) {
      const own = values.subarray(row * inputs, (row + 1) * inputs);
      matrix.read(first + row, own);
      for (const k of factor?.dead ?? []) own[k] = 0;
    }
    for (const [at, panel] of panels.entries()) {
      await turn();
      const { from, to, above } = panel;
      const width = to - from;
      pending.fill(0);
      if (factor)
        subtractProduct(
          { values: pending, start: 0, stride: width },
          { values, start: 0, stride: inputs },
          { values: above, start: 0, stride: from },
          rows,
          width,
          from,
        );
      for (let row = 0; row < rows; row++) {
        const own = values.subarray(row * inputs + from, row * inputs + to);
        columns.round(panel, own, pending.subarray(row * width), rounded[row]!, at);
      }
    }
    for (let row = 0; row < rows; row++) matrix.put(first + row, rounded[row]!);
  }
}

/** Without an influence of columns on each other. */
function plainPanels(inputs: number, block: number): Panel[] {
  const none = new Float64Array(0);
  return Array.from({ length: Math.ceil(inputs / block) }, (_, k) => {
    return { from: k * block, to: Math.min(inputs, (k + 1) * block), above: none, own: none };
  });
}

/** Rounds the columns of a panel in one row. */
class PanelColumns {
  private readonly madeUpFor: Float64Array;
  private readonly storedScale: (scale: number) => number;

  constructor(block: number, storedScale: (scale: number) => number) {
    this.madeUpFor = new Float64Array(block);
    this.storedScale = storedScale;
  }

  /**
   * @param values the weights, which their errors take the place of: what each was less what it
   *   became
   * @param pending minus the sum of the errors of earlier panels times R; used up
   */
  round(
    { from, own }: Panel,
    values: Float64Array,
    pending: Float64Array,
    { q, scales, zeros }: RoundedRow,
    at: number,
  ): void {
    const width = values.length;
    const madeUpFor = this.madeUpFor.subarray(0, width);
    const plain = own.length === 0;
    // As the panel starts: w + e R_panel^-1, e R_panel^-1 from the front.
    for (let j = 0; j < width; j++) madeUpFor[j] = plain ? 0 : -pending[j]!;
    if (!plain)
      for (let j = 0; j < width; j++) {
        const share = madeUpFor[j]! / own[j * width + j]!;
        madeUpFor[j] = share;
        for (let i = j + 1; i < width; i++) madeUpFor[i]! -= share * own[j * width + i]!;
      }
    let low = 0;
    let high = 0;
    for (let j = 0; j < width; j++) {
      const value = values[j]! + madeUpFor[j]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const exact = (high - low) / 15 || 1;
    const zero = Math.min(15, Math.max(0, roundToEven(-low / exact)));
    const scale = this.storedScale(exact);
    scales[at] = scale;
    zeros[at] = zero;
    for (let j = 0; j < width; j++) {
      const weight = values[j]!;
      const wanted = plain ? weight : weight - pending[j]! / own[j * width + j]!;
      const rounded = Math.min(15, Math.max(0, roundToEven(wanted / scale + zero)));
      q[from + j] = rounded;
      const error = weight - (rounded - zero) * scale;
      values[j] = error;
      if (!plain) for (let i = j + 1; i < width; i++) pending[i]! -= error * own[j * width + i]!;
    }
  }
}

/** Halves go to the even neighbour; exact below 2^51. */
function roundToEven(value: number): number {
  return value + 6755399441055744 - 6755399441055744;
}
