// A matrix with rows and columns exchanged.

import { EspalierError } from '../../errors.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { rowSource } from './rows.ts';

/** Bytes of the result that are made of one pass over the source. */
const STRIPE_BYTES = 2 ** 26;
/** Bytes of the source read at a time. */
const READ_BYTES = 2 ** 22;

/**
 * float32 (rows, columns) as (columns, rows). The result is made in stripes of 64 MiB, each of
 * which takes one pass over the source; the last stripe is kept.
 */
export function transposedSource(
  [source]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
  stripeBytes = STRIPE_BYTES,
): ByteSource {
  const [rows, columns] = [Number(parameters.rows), Number(parameters.columns)];
  if (source?.size !== rows * columns * 4)
    throw new EspalierError('bug', `${label} has another size than its dimensions.`);
  const height = Math.min(columns, Math.max(1, Math.floor(stripeBytes / (rows * 4))));
  let held: { stripe: number; made: Promise<Uint32Array> } | null = null;

  /** Rows of the result from `stripe` x height on. */
  const make = async (stripe: number): Promise<Uint32Array> => {
    const first = stripe * height;
    const count = Math.min(height, columns - first);
    const out = new Uint32Array(count * rows);
    const step = Math.max(1, Math.floor(READ_BYTES / (columns * 4)));
    for (let from = 0; from < rows; from += step) {
      const to = Math.min(rows, from + step);
      const bytes = await source.read(from * columns * 4, (to - from) * columns * 4);
      const values = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      for (let row = from; row < to; row++) {
        const at = (row - from) * columns + first;
        for (let k = 0; k < count; k++) out[k * rows + row] = values[at + k]!;
      }
    }
    return out;
  };
  const rowsOf = async (from: number, to: number): Promise<Uint8Array> => {
    const stripe = Math.floor(from / height);
    if (held?.stripe !== stripe) held = { stripe, made: make(stripe) };
    const values = await held.made;
    const end = Math.min(to, (stripe + 1) * height);
    const start = from - stripe * height;
    return new Uint8Array(values.buffer, start * rows * 4, (end - from) * rows * 4);
  };
  return rowSource({ rows: columns, rowBytes: rows * 4, make: rowsOf }, label);
}
