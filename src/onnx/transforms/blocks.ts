// Blocks of a matrix of floats, read in bounded memory from values in either order.

import { DataType } from '../graph.ts';
import type { ByteSource } from '../source.ts';
import { type Blockwise, blocksAtOnce, blockwiseSizes, floatBytes } from './form.ts';

/** Blocks of equal length. */
export interface Blocks {
  /** Float32, or the bits of float16. */
  values: Float32Array | Uint16Array;
  /** Where the first block starts. */
  from: number;
  count: number;
  /** Values of each; fewer than a whole block where the rows end. */
  length: number;
  /** Row and place of the first block. */
  row: number;
  at: number;
  /**
   * 0: the blocks follow each other in the row, and so do their values. Otherwise they are those of
   * the next rows, side by side, with so many values from one of theirs to the next.
   */
  pitch: number;
}

/** Where the results of blocks go: of the first, and how much further the next. */
export interface Place {
  byte: number;
  bytes: number;
  index: number;
  step: number;
}

export function placeOf(form: Blockwise): (blocks: Blocks) => Place {
  const { blocks: perRow, rowBytes } = blockwiseSizes(form);
  const blockBytes = (form.block * form.bits) / 8;
  return ({ row, at, pitch }) => ({
    byte: row * rowBytes + at * blockBytes,
    bytes: pitch === 0 ? blockBytes : rowBytes,
    index: row * perRow + at,
    step: pitch === 0 ? 1 : perRow,
  });
}

export class BlockReader {
  /** Rows of the result that are made at a time. */
  readonly rowsAtOnce: number;
  private readonly source: ByteSource;
  private readonly form: Blockwise;
  private readonly readBytes: number;
  private readonly most: number;

  /** @param limits bytes of values that are read, and of weights that are made, at a time */
  constructor(source: ByteSource, form: Blockwise, limits: { values: number; weights: number }) {
    const { rows, columns, block, order } = form;
    const size = floatBytes(form.floats);
    this.source = source;
    this.form = form;
    this.readBytes = limits.values;
    this.most = blocksAtOnce(block);
    if (order === 'out-in')
      this.rowsAtOnce = Math.max(1, Math.floor(limits.values / (columns * size)));
    else {
      const weights = limits.weights / blockwiseSizes(form).rowBytes;
      const most = Math.max(1, Math.floor(Math.min(weights, (4 * limits.values) / (block * size))));
      this.rowsAtOnce = Math.min(rows, most > this.most ? most - (most % this.most) : most);
    }
  }

  /** All blocks of `count` rows of the result from `first` on; rows are counted from there. */
  async each(first: number, count: number, run: (blocks: Blocks) => void): Promise<void> {
    const { columns, block, order } = this.form;
    if (order === 'in-out') return this.eachTurned(first, count, run);
    const values = await this.read(count * columns, [[first * columns, count * columns]]);
    const whole = Math.floor(columns / block);
    for (let row = 0; row < count; row++) {
      for (let at = 0; at < whole; at += this.most) {
        const from = row * columns + at * block;
        const count = Math.min(this.most, whole - at);
        run({ values, from, count, length: block, row, at, pitch: 0 });
      }
      const [from, length] = [row * columns + whole * block, columns - whole * block];
      if (length > 0) run({ values, from, count: 1, length, row, at: whole, pitch: 0 });
    }
    giveBack(values);
  }

  /** The same of values in (columns, rows): some blocks of all the rows are read at a time. */
  private async eachTurned(
    first: number,
    count: number,
    run: (blocks: Blocks) => void,
  ): Promise<void> {
    const { rows, columns, block } = this.form;
    const size = floatBytes(this.form.floats);
    const height = block * Math.max(1, Math.floor(this.readBytes / (count * block * size)));
    const read = (column: number): Promise<Values> => {
      const end = Math.min(columns, column + height);
      if (count === rows)
        return this.read(count * height, [[column * rows, (end - column) * rows]]);
      const pieces: [number, number][] = [];
      for (let k = column; k < end; k++) pieces.push([k * rows + first, count]);
      return this.read(count * height, pieces);
    };
    let next = read(0);
    for (let k = 0; k < columns; k += height) {
      const values = await next;
      if (k + height < columns) {
        next = read(k + height);
        // Awaited in the next round, unless this one throws.
        next.catch(() => {});
      }
      for (let row = 0; row < count; row += this.most)
        for (let start = 0; start < height && k + start < columns; start += block)
          run({
            values,
            from: start * count + row,
            count: Math.min(this.most, count - row),
            length: Math.min(block, columns - k - start),
            row,
            at: (k + start) / block,
            pitch: count,
          });
      giveBack(values);
    }
  }

  /**
   * Pieces of the values, one after the other, in memory that is used again once it is spare: what
   * is new each time is more work for the system than the rounding.
   * @param pieces first value and number of values
   */
  private async read(capacity: number, pieces: readonly [number, number][]): Promise<Values> {
    const values = take(capacity, this.form.floats === DataType.float16);
    const size = values.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array(values.buffer);
    let done = 0;
    await Promise.all(
      pieces.map(([from, count]) => {
        const target = bytes.subarray(done, done + count * size);
        done += count * size;
        return this.readInto(from * size, target);
      }),
    );
    return values;
  }

  private async readInto(offset: number, target: Uint8Array): Promise<void> {
    if (this.source.readInto) await this.source.readInto(offset, target);
    else target.set(await this.source.read(offset, target.length));
  }
}

type Values = Blocks['values'];

/** Of whichever reader: a model has many matrices of equal sizes. */
const spare: Values[] = [];
const MOST_SPARE = 4;

/** Memory for values, spare or new. */
function take(capacity: number, half: boolean): Values {
  const kind = half ? Uint16Array : Float32Array;
  const at = spare.findIndex((one) => one instanceof kind && one.length >= capacity);
  return at < 0 ? new kind(capacity) : spare.splice(at, 1)[0]!;
}

/** What was given back last stays. */
function giveBack(values: Values): void {
  spare.push(values);
  if (spare.length > MOST_SPARE) spare.shift();
}
