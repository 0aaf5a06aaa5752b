// A compressed entry of a zip, unpacked at its first read into Blobs, which browsers keep on disk
// when they are large.

import { EspalierError } from '../errors.ts';
import type { ByteSource } from '../onnx/source.ts';
import { inRange, outOfRange, unread } from './folder.ts';

/** A compressed entry: its unpacked size according to the zip, and its unpacked bytes. */
interface Packed {
  readonly size: number;
  stream(): Promise<ReadableStream<Uint8Array>>;
}

/** Bytes collected before they are made a Blob. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * The unpacked bytes of an entry. Reads throw EspalierError `corrupt-file` when the entry cannot be
 * unpacked or does not have the size that the zip gives, `missing-file` when the zip cannot be read
 * any more.
 * @param count called with the number of bytes of each read.
 */
export function inflatedSource(
  path: string,
  entry: Packed,
  count: (bytes: number) => void,
): ByteSource {
  let content: Promise<Blob> | null = null;

  function unpacked(): Promise<Blob> {
    content ??= inflate(path, entry);
    // A failure is not kept: the next read tries again.
    content.catch(() => {
      content = null;
    });
    return content;
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
    throw damaged(path, `does not unpack to ${entry.size} bytes, as the zip says it does`);
  release();
  return new Blob(chunks);
}

function damaged(path: string, why: string, detail = ''): EspalierError {
  return new EspalierError(
    'corrupt-file',
    `The file ${path} in the zip ${why}.`,
    'Make the zip again, or open the folder itself.',
    detail,
  );
}
