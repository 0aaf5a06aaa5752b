// A matrix with rows and columns exchanged, and made float32 on the way.

import { EspalierError } from '../../errors.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { sourceInto } from './rows.ts';
import { turn } from './stored/turn.ts';
import { storedType } from './stored/types.ts';

/** Bounds in bytes; tests make them small. */
interface Limits {
  /** Of the source, held for a stripe of the result. */
  stripe: number;
  /** Of the result, turned at a time. */
  panel: number;
}
const PANEL_BYTES = 2 ** 22;
/** A table of a large vocabulary is read four times rather than eight. */
const stripeBytes = (size: number): number => Math.min(2 ** 28, Math.max(2 ** 27, size / 4));
/** Bytes of the source read at a time. */
const READ_BYTES = 2 ** 22;

/**
 * A matrix (rows, columns) of values of a stored type (`type`, F32 where it is left out) as float32
 * (columns, rows). The result is made in stripes whose values take 128 MiB of the source, or a
 * quarter of it up to 256 MiB; each takes one pass over the source, and the last one is kept.
 */
export function transposedSource(
  [source]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
  limits?: Limits,
): ByteSource {
  const [rows, columns] = [Number(parameters.rows), Number(parameters.columns)];
  const type = storedType(String(parameters.type ?? 'F32'));
  if (!source || !type || source.size !== (rows * columns * type.bytes) / type.values)
    throw new EspalierError('bug', `${label} has another size than its dimensions.`);
  const blocks = columns / type.values;
  const { stripe: most, panel: wanted } = limits ?? {
    stripe: stripeBytes(source.size),
    panel: PANEL_BYTES,
  };
  const width = Math.min(blocks, Math.max(1, Math.floor(most / (rows * type.bytes))));
  const { unit } = type;
  const rowBytes = rows * 4;
  const stripeColumns = width * type.values;
  const height = Math.min(
    stripeColumns,
    unit * Math.max(1, Math.floor(wanted / (rowBytes * unit))),
  );

  let held: { stripe: number; read: Promise<Uint8Array> } | null = null;
  const stored = (stripe: number): Promise<Uint8Array> => {
    if (held?.stripe === stripe) return held.read;
    const from = stripe * width;
    const one = {
      stripe,
      read: storedBlocks(source, rows, blocks * type.bytes, {
        start: from * type.bytes,
        length: Math.min(width, blocks - from) * type.bytes,
      }),
    };
    one.read.catch(() => {
      if (held === one) held = null;
    });
    held = one;
    return one.read;
  };

  // The columns that were turned last, in memory that is used for all: new memory takes longer.
  const panel = { from: 0, to: 0, values: new Float32Array(0) };
  const fill = (bytes: Uint8Array, column: number): void => {
    if (panel.from <= column && column < panel.to) return;
    const start = column - (column % stripeColumns);
    const end = Math.min(columns, start + stripeColumns);
    const from = column - ((column - start) % unit);
    const to = Math.min(end, from + height);
    if (panel.values.length === 0) panel.values = new Float32Array(height * rows);
    turn(bytes, type, rows, from - start, to - from, panel.values);
    panel.from = from;
    panel.to = to;
  };
  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const column = Math.floor(at / rowBytes);
      const bytes = await stored(Math.floor(column / stripeColumns));
      // Nothing is awaited from here on: other reads use the panel too.
      fill(bytes, column);
      const made = new Uint8Array(panel.values.buffer, 0, (panel.to - panel.from) * rowBytes);
      const part = made.subarray(at - panel.from * rowBytes);
      const taken = part.subarray(0, target.length - done);
      target.set(taken, done);
      done += taken.length;
    }
  };
  return sourceInto(rowBytes * columns, readInto);
}

/** A stretch of each row, one after the other. */
async function storedBlocks(
  source: ByteSource,
  rows: number,
  rowBytes: number,
  { start, length }: { start: number; length: number },
): Promise<Uint8Array> {
  if (length === rowBytes) return source.read(0, rows * rowBytes);
  const out = new Uint8Array(rows * length);
  const step = Math.min(rows, Math.max(1, Math.floor(READ_BYTES / rowBytes)));
  const scratch = new Uint8Array(step * rowBytes);
  for (let from = 0; from < rows; from += step) {
    const count = Math.min(step, rows - from);
    const read = scratch.subarray(0, count * rowBytes);
    const offset = from * rowBytes;
    if (source.readInto) await source.readInto(offset, read);
    else read.set(await source.read(offset, read.length));
    for (let row = 0; row < count; row++) {
      const at = row * rowBytes + start;
      out.set(read.subarray(at, at + length), (from + row) * length);
    }
  }
  return out;
}
