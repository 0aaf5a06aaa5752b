// A model folder on a web host, read by HTTP range requests.

import { EspalierError } from '../errors.ts';
import type { ByteSource, FolderFile } from '../onnx/source.ts';
import { type CountingFolder, inRange, outOfRange } from './folder.ts';

/** A file up to this size is fetched entirely at its first read: one request instead of many. */
const SMALL_FILE_BYTES = 256 * 1024;

export interface HostedFiles {
  name: string;
  /** Absolute URL of the folder; a missing slash at the end is added. */
  baseUrl: string;
  files: readonly FolderFile[];
}

type Fetch = (url: string, init?: { headers?: Record<string, string> }) => Promise<Response>;

function fetchFailed(path: string, detail: string): EspalierError {
  return new EspalierError(
    'missing-file',
    `The file ${path} could not be fetched.`,
    'Check the connection to the host, then try again.',
    detail,
  );
}

async function bodyOf(path: string, response: Response): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw fetchFailed(path, String(error));
  }
}

function hostedSource(
  url: string,
  file: FolderFile,
  fetchImpl: Fetch,
  count: (bytes: number) => void,
): ByteSource {
  let content: Promise<Uint8Array<ArrayBuffer>> | null = null;

  async function request(headers: Record<string, string>): Promise<Response> {
    let response: Response;
    try {
      response = await fetchImpl(url, { headers });
    } catch (error) {
      throw fetchFailed(file.path, String(error));
    }
    if (!response.ok) throw fetchFailed(file.path, `HTTP ${response.status}`);
    return response;
  }

  async function contentOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await bodyOf(file.path, response);
    count(bytes.length);
    // A host that answers unknown paths with its start page sends another number of bytes.
    if (bytes.length !== file.size)
      throw fetchFailed(file.path, `received ${bytes.length} bytes, expected ${file.size}`);
    return bytes;
  }

  function fetchContent(): Promise<Uint8Array<ArrayBuffer>> {
    content ??= request({}).then(contentOf);
    // A failed fetch is not kept: the next read tries again.
    content.catch(() => {
      content = null;
    });
    return content;
  }

  return {
    size: file.size,
    async read(offset, length) {
      if (!inRange(file.size, offset, length))
        throw outOfRange(file.path, file.size, offset, length);
      if (length === 0) return new Uint8Array(0);
      if (content || file.size <= SMALL_FILE_BYTES)
        return (await fetchContent()).slice(offset, offset + length);
      const response = await request({ Range: `bytes=${offset}-${offset + length - 1}` });
      if (response.status === 206) {
        const bytes = await bodyOf(file.path, response);
        count(bytes.length);
        if (bytes.length !== length)
          throw fetchFailed(file.path, `received ${bytes.length} of ${length} bytes`);
        return bytes;
      }
      // The host ignored the range and sent the entire file, which is kept for later reads.
      content ??= contentOf(response);
      return (await fetchContent()).slice(offset, offset + length);
    },
  };
}

/**
 * A folder on a web host; names and sizes are known beforehand, bytes are fetched on demand. Reads
 * throw EspalierError `missing-file` when the host does not send a file, or one of another size.
 */
export function hostedFolder(
  { name, baseUrl, files }: HostedFiles,
  fetchImpl: Fetch = fetch,
): CountingFolder {
  const base = baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`;
  let bytes = 0;
  const sources = new Map(
    files.map((file) => {
      const url = new URL(file.path.split('/').map(encodeURIComponent).join('/'), base).href;
      const source = hostedSource(
        url,
        file,
        (...args) => fetchImpl(...args),
        (n) => {
          bytes += n;
        },
      );
      return [file.path, source];
    }),
  );
  return { name, files, open: (path) => sources.get(path) ?? null, bytesRead: () => bytes };
}
