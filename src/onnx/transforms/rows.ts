// Results that are made row by row: any range of them as a source, in bounded memory.

import { EspalierError } from '../../errors.ts';
import type { ByteSource } from '../source.ts';

/** Bytes converted at a time, of the result. */
const STEP_BYTES = 2 ** 22;

/** A result of whole rows of bytes. */
export interface Rows {
  rows: number;
  /** Bytes of a row of the result. */
  rowBytes: number;
  /** Rows from..to, whatever was asked for before. */
  make(from: number, to: number): Promise<Uint8Array>;
}

/** @param label what is computed, for messages */
export function rowSource({ rows, rowBytes, make }: Rows, label: string): ByteSource {
  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    const step = Math.max(1, Math.floor(STEP_BYTES / rowBytes));
    for (let done = 0; done < target.length; ) {
      const first = Math.floor((offset + done) / rowBytes);
      const wanted = Math.ceil((offset + target.length) / rowBytes);
      const last = Math.min(rows, wanted, first + step);
      if (last <= first)
        throw new EspalierError('bug', `${label} has fewer values than were asked for.`);
      const part = (await make(first, last)).subarray(offset + done - first * rowBytes);
      const taken = part.subarray(0, target.length - done);
      target.set(taken, done);
      done += taken.length;
    }
  };
  return sourceInto(rows * rowBytes, readInto);
}

/** A source of `size` bytes that is read into memory of the caller. */
export function sourceInto(
  size: number,
  readInto: (offset: number, target: Uint8Array) => Promise<void>,
): ByteSource {
  return {
    size,
    readInto,
    async read(offset, length) {
      const target = new Uint8Array(length);
      await readInto(offset, target);
      return target;
    },
  };
}

/** Little-endian float32 as numbers, copied only where they do not start on a multiple of 4. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(whole.buffer, whole.byteOffset, whole.byteLength / 4);
}
