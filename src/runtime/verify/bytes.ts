// Compares bytes of an export with those that they shall be, a few MiB at a time.

import { isCancelled, throwIfCancelled, toReport } from '../../errors.ts';
import type { ByteSource } from '../../onnx/source.ts';

/** Bytes compared at a time. */
const READ_BYTES = 4 * 2 ** 20;

/** What tensors are compared with that the source does not have so. */
export const COMPUTED = 'what the export computes from the source';

/** The source cannot be read any more, which says nothing against its export. */
export class UnreadableSource extends Error {}

/** The bytes of the source; what goes wrong while they are read is an `UnreadableSource`. */
export function fromSource(open: () => ByteSource): ByteSource {
  const gone = (error: unknown): never => {
    throw isCancelled(error) ? error : new UnreadableSource(toReport(error).message);
  };
  try {
    const source = open();
    return {
      size: source.size,
      read: (offset, length) => source.read(offset, length).catch(gone),
    };
  } catch (error) {
    return gone(error);
  }
}

/**
 * Where bytes first differ, or null.
 * @param name what they are; what: what they are compared with
 */
export async function byteDifference(
  name: string,
  what: string,
  a: ByteSource,
  b: ByteSource,
  signal: AbortSignal | undefined,
  onBytes: (done: number) => void,
): Promise<string | null> {
  const length = a.size;
  if (length !== b.size) return `${name} has ${length} bytes instead of ${b.size}`;
  const read = (at: number) =>
    Promise.all([a, b].map((held) => held.read(at, Math.min(READ_BYTES, length - at))));
  for (let at = 0; at < length; at += READ_BYTES) {
    throwIfCancelled(signal);
    const [left = EMPTY, right = EMPTY] = await read(at);
    const wrong = firstDifference(left, right);
    if (wrong >= 0) return `${name} differs from ${what} at byte ${at + wrong} of ${length}`;
    onBytes(at + left.length);
  }
  return null;
}

const EMPTY = new Uint8Array(0);

/**
 * Index of the first byte that differs, or -1. Eight bytes a step where both are aligned to eight,
 * as whole reads are.
 */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let k = 0;
  if (a.byteOffset % 8 === 0 && b.byteOffset % 8 === 0) {
    const [left, right] = [words(a), words(b)];
    while (k < left.length && left[k] === right[k]) k++;
    k *= 8;
  }
  for (; k < a.length; k++) if (a[k] !== b[k]) return k;
  return -1;
}

function words({ buffer, byteOffset, length }: Uint8Array): BigInt64Array {
  return new BigInt64Array(buffer, byteOffset, length >> 3);
}
