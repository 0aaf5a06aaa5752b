// Some positions along one axis of a stored array, in their order.

import { EspalierError } from '../../errors.ts';
import type { ByteSource, Derivation } from '../source.ts';
import { type Rows, rowSource } from './rows.ts';

/**
 * An array of `outer` rows with `positions` each, every position `bits` long: rows of positions of
 * less than a byte begin with a byte, the first position in its low bits. The second source has the
 * positions that stay, int32, ascending.
 */
interface TakenForm {
  outer: number;
  positions: number;
  bits: number;
}

function formOf(parameters: Derivation['parameters']): TakenForm {
  const number = (name: keyof TakenForm): number => Number(parameters[name]);
  return { outer: number('outer'), positions: number('positions'), bits: number('bits') };
}

export function takenLength(
  [, indices = 0]: readonly number[],
  parameters: Derivation['parameters'],
): number {
  const { outer, bits } = formOf(parameters);
  return outer * Math.ceil(((indices / 4) * bits) / 8);
}

export function takenSource(
  [source, indices]: readonly ByteSource[],
  parameters: Derivation['parameters'],
  label: string,
): ByteSource {
  const form = formOf(parameters);
  const rowBytes = Math.ceil((form.positions * form.bits) / 8);
  if (!source || !indices || source.size !== form.outer * rowBytes)
    throw new EspalierError('bug', `${label} has another size than its dimensions.`);
  let kept: Promise<Int32Array> | null = null;
  const positions = (): Promise<Int32Array> => {
    kept ??= indices.read(0, indices.size).then((bytes) => new Int32Array(bytes.slice().buffer));
    return kept;
  };
  const isRows = form.outer === 1 && form.bits % 8 === 0;
  const rows: Rows = isRows
    ? {
        rows: indices.size / 4,
        rowBytes: form.bits / 8,
        make: async (from, to) =>
          wholeRows(source, form.bits / 8, (await positions()).subarray(from, to)),
      }
    : {
        rows: form.outer,
        rowBytes: Math.ceil(((indices.size / 4) * form.bits) / 8),
        make: async (from, to) =>
          takenBytes(
            await source.read(from * rowBytes, (to - from) * rowBytes),
            { ...form, outer: to - from },
            await positions(),
          ),
      };
  return rowSource(rows, label);
}

/** Rows that lie next to each other are read at once. */
async function wholeRows(
  source: ByteSource,
  rowBytes: number,
  kept: Int32Array,
): Promise<Uint8Array> {
  const out = new Uint8Array(kept.length * rowBytes);
  for (const { source: from, target, length } of runsOf(kept, rowBytes))
    out.set(await source.read(from, length), target);
  return out;
}

/** The same of bytes in memory. */
export function takenBytes(
  bytes: Uint8Array,
  { outer, positions, bits }: TakenForm,
  kept: ArrayLike<number>,
): Uint8Array<ArrayBuffer> {
  const [from, to] = [positions, kept.length].map((count) => Math.ceil((count * bits) / 8));
  const out = new Uint8Array(outer * to!);
  if (bits % 8 === 0) {
    const runs = runsOf(kept, bits / 8);
    for (let row = 0; row < outer; row++)
      for (const { source, target, length } of runs) {
        const [start, at] = [row * from! + source, row * to! + target];
        if (length > COPIED_AT_ONCE) out.set(bytes.subarray(start, start + length), at);
        else for (let k = 0; k < length; k++) out[at + k] = bytes[start + k]!;
      }
    return out;
  }
  for (let row = 0; row < outer; row++)
    for (let k = 0; k < kept.length; k++) {
      const bit = kept[k]! * bits;
      const value = (bytes[row * from! + (bit >> 3)]! >> (bit & 7)) & (2 ** bits - 1);
      out[row * to! + ((k * bits) >> 3)]! |= value << ((k * bits) & 7);
    }
  return out;
}

/** Fewer bytes are copied one by one, which is faster than a view of them. */
const COPIED_AT_ONCE = 64;

/** Where positions that lie next to each other begin in a row and in what is left of it, bytes. */
function runsOf(
  kept: ArrayLike<number>,
  step: number,
): { source: number; target: number; length: number }[] {
  const runs: { source: number; target: number; length: number }[] = [];
  for (let k = 0; k < kept.length; ) {
    let end = k + 1;
    while (end < kept.length && kept[end] === kept[end - 1]! + 1) end++;
    runs.push({ source: kept[k]! * step, target: k * step, length: (end - k) * step });
    k = end;
  }
  return runs;
}
