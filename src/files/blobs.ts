// Converts large byte arrays inside plain data to Blobs and back: IndexedDB stores Blobs as files
// but refuses values above 127 MiB (Chromium 156).

const LARGE_BYTES = 64 * 1024;

/** A copy of plain data in which byte arrays of 64 KiB or more are Blobs. */
export function withBlobs(data: unknown): unknown {
  if (data instanceof Uint8Array)
    return data.byteLength < LARGE_BYTES ? data : new Blob([asPlain(data)]);
  if (Array.isArray(data)) return data.map(withBlobs);
  return isPlain(data)
    ? Object.fromEntries(Object.entries(data).map(([name, value]) => [name, withBlobs(value)]))
    : data;
}

/**
 * A copy of plain data in which Blobs are byte arrays.
 * @throws DOMException when the browser has lost the file behind a Blob.
 */
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

/** A Blob cannot be made from a view of shared memory: such a view is copied. */
function asPlain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : bytes.slice();
}
