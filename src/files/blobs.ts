// Large byte arrays inside plain data as Blobs and back: IndexedDB keeps Blobs as files, but
// refuses a value of more than 127 MiB (Chromium 156).

const LARGE_BYTES = 64 * 1024;

/** The same data with large byte arrays as Blobs. */
export function withBlobs(data: unknown): unknown {
  if (data instanceof Uint8Array)
    return data.byteLength < LARGE_BYTES ? data : new Blob([asPlain(data)]);
  if (Array.isArray(data)) return data.map(withBlobs);
  return isPlain(data)
    ? Object.fromEntries(Object.entries(data).map(([name, value]) => [name, withBlobs(value)]))
    : data;
}

/** The same data with Blobs as byte arrays. @throws DOMException when the file of one is gone. */
export async function withoutBlobs(data: unknown): Promise<unknown> {
  if (data instanceof Blob) return new Uint8Array(await data.arrayBuffer());
  if (Array.isArray(data)) {
    const all: unknown[] = [];
    for (const value of data) all.push(await withoutBlobs(value));
    return all;
  }
  if (!isPlain(data)) return data;
  const entries: [string, unknown][] = [];
  for (const [name, value] of Object.entries(data)) entries.push([name, await withoutBlobs(value)]);
  return Object.fromEntries(entries);
}

function isPlain(data: unknown): data is object {
  return (
    typeof data === 'object' && data !== null && Object.getPrototypeOf(data) === Object.prototype
  );
}

/** A Blob does not take views of shared memory. */
function asPlain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : bytes.slice();
}
