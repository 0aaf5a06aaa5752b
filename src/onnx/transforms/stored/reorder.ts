// Rows of a matrix in another order, whatever type its values have.

import { EspalierError } from '../../../errors.ts';
import type { ByteSource, Derivation } from '../../source.ts';
import { rowSource } from '../rows.ts';

/**
 * The rows of `heads` heads in another order; `rows` is their number.
 * - `halves`: (heads, d / 2, 2) as (heads, 2, d / 2).
 * - `parts`: (heads, 3, d) as (3, heads, d).
 *
 * With `back` the other way round. One pass over the result reads every byte of the source once;
 * of `halves` a head is held.
 */
export function reorderedSource(
  [source]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const { rows: count, heads: number, order, back } = parameters;
  const [rows, heads] = [Number(count), Number(number)];
  const parts = order === 'parts' ? 3 : 2;
  const d = rows / heads / parts;
  if (!source || source.size % rows !== 0 || !Number.isInteger(d) || d < 1)
    throw new EspalierError('bug', `${label} has no ${rows} rows of ${heads} heads.`);
  const rowBytes = source.size / rows;
  const make =
    order === 'parts'
      ? runs(source, rowBytes, back ? [parts, heads, d] : [heads, parts, d])
      : withinHeads(source, rowBytes, back ? [heads, parts, d] : [heads, d, parts]);
  return rowSource({ rows, rowBytes, make }, label);
}

type Make = (from: number, to: number) => Promise<Uint8Array>;

/** (a, b, d) as (b, a, d): each d rows stay together. */
function runs(source: ByteSource, rowBytes: number, [a, b, d]: [number, number, number]): Make {
  return (from, to) => {
    const run = Math.floor(from / d);
    const start = ((run % a) * b + Math.floor(run / a)) * d + (from % d);
    const end = Math.min(to, (run + 1) * d);
    return source.read(start * rowBytes, (end - from) * rowBytes);
  };
}

/** (heads, a, b) as (heads, b, a), a head at a time. */
function withinHeads(
  source: ByteSource,
  rowBytes: number,
  [, a, b]: [number, number, number],
): Make {
  const d = a * b;
  let held: { head: number; read: Promise<Uint8Array> } | null = null;
  return async (from, to) => {
    const head = Math.floor(from / d);
    if (held?.head !== head) {
      const one = { head, read: source.read(head * d * rowBytes, d * rowBytes) };
      one.read.catch(() => {
        if (held === one) held = null;
      });
      held = one;
    }
    const bytes = await held.read;
    const end = Math.min(to, (head + 1) * d);
    const out = new Uint8Array((end - from) * rowBytes);
    for (let row = from; row < end; row++) {
      const k = row - head * d;
      const of = (k % a) * b + Math.floor(k / a);
      out.set(bytes.subarray(of * rowBytes, (of + 1) * rowBytes), (row - from) * rowBytes);
    }
    return out;
  };
}
