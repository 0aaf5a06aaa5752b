// A compressed file of a zip, unpacked at its first read into Blobs, which browsers keep on disk
// when they are large; must not hold its bytes in an array.

import { EspalierError } from '../errors.ts';
import type { ByteSource } from '../onnx/source.ts';
import { inRange, outOfRange, unread } from './folder.ts';

/** What is read of an entry: its size when unpacked, as the zip says it, and its bytes. */
interface Packed {
  readonly size: number;
  stream(): Promise<ReadableStream<Uint8Array>>;
}

/** Bytes that are gathered before they become a Blob. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * @throws EspalierError from `read`: `corrupt-file` when the entry cannot be unpacked or has
 * another size than the zip says, `missing-file` when the zip is gone
 */
export function inflatedSource(
  path: string,
  entry: Packed,
  count: (bytes: number) => void,
): ByteSource {
  let whole: Promise<Blob> | null = null;

  function unpacked(): Promise<Blob> {
    whole ??= inflate(path, entry);
    // A failure is not remembered: the next read tries again.
    whole.catch(() => {
      whole = null;
    });
    return whole;
  }

  return {
    size: entry.size,
    async read(offset, length) {
      if (!inRange(entry.size, offset, length)) throw outOfRange(path, entry.size, offset, length);
      const bytes = new Uint8Array(
        await (await unpacked()).slice(offset, offset + length).arrayBuffer(),
      );
      count(length);
      return bytes;
    },
  };
}

async function inflate(path: string, entry: Packed): Promise<Blob> {
  const chunks: Blob[] = [];
  let held: Uint8Array<ArrayBuffer>[] = [];
  let [holding, size] = [0, 0];
  const release = () => {
    chunks.push(new Blob(held));
    [held, holding] = [[], 0];
  };
  try {
    const reader = (await entry.stream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > entry.size) {
        await reader.cancel();
        break;
      }
      held.push(value as Uint8Array<ArrayBuffer>);
      holding += value.length;
      if (holding >= CHUNK_BYTES) release();
    }
  } catch (error) {
    throw unread(path, error) ?? damaged(path, 'cannot be unpacked', String(error));
  }
  if (size !== entry.size)
    throw damaged(path, `does not unpack to the ${entry.size} bytes that the zip says`);
  release();
  return new Blob(chunks);
}

function damaged(path: string, why: string, detail = ''): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `The file ${path} of the zip ${why}.`,
    'Make the zip again, or open the folder itself.',
    detail,
  );
}
