// A model folder on the page's own host, read by HTTP ranges; must not ask any other host or fetch
// more than is needed.

import { EspalierError } from '../errors.ts';
import type { ByteSource, FolderFile } from '../onnx/source.ts';
import { type CountingFolder, inRange, outOfRange } from './folder.ts';

/** A file up to this size is fetched whole at its first read: one request instead of many. */
const WHOLE_BYTES = 256 * 1024;

export interface HostedFiles {
  name: string;
  /** Absolute address of the folder; a missing slash at the end is added. */
  baseUrl: string;
  files: readonly FolderFile[];
}

type Fetch = (url: string, init?: { headers?: Record<string, string> }) => Promise<Response>;

function gone(path: string, detail: string): EspalierError {
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
    throw gone(path, String(error));
  }
}

function hostedSource(
  url: string,
  file: FolderFile,
  fetchImpl: Fetch,
  count: (bytes: number) => void,
): ByteSource {
  let whole: Promise<Uint8Array<ArrayBuffer>> | null = null;

  async function request(headers: Record<string, string>): Promise<Response> {
    let response: Response;
    try {
      response = await fetchImpl(url, { headers });
    } catch (error) {
      throw gone(file.path, String(error));
    }
    if (!response.ok) throw gone(file.path, `HTTP ${response.status}`);
    return response;
  }

  async function take(response: Response): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await bodyOf(file.path, response);
    count(bytes.length);
    // A host that answers unknown paths with its start page gives something of another size.
    if (bytes.length !== file.size)
      throw gone(file.path, `${bytes.length} bytes came, ${file.size} were expected`);
    return bytes;
  }

  function fetchWhole(): Promise<Uint8Array<ArrayBuffer>> {
    whole ??= request({}).then(take);
    // A failed fetch is not remembered: the next read tries again.
    whole.catch(() => {
      whole = null;
    });
    return whole;
  }

  return {
    size: file.size,
    async read(offset, length) {
      if (!inRange(file.size, offset, length))
        throw outOfRange(file.path, file.size, offset, length);
      if (length === 0) return new Uint8Array(0);
      if (whole || file.size <= WHOLE_BYTES)
        return (await fetchWhole()).slice(offset, offset + length);
      const response = await request({ Range: `bytes=${offset}-${offset + length - 1}` });
      if (response.status === 206) {
        const bytes = await bodyOf(file.path, response);
        count(bytes.length);
        if (bytes.length !== length)
          throw gone(file.path, `${bytes.length} of ${length} bytes came`);
        return bytes;
      }
      // The host ignores ranges and sends everything: keep it, one fetch is enough.
      whole ??= take(response);
      return (await fetchWhole()).slice(offset, offset + length);
    },
  };
}

/**
 * A folder of a web host; names and sizes are known beforehand, bytes come on demand.
 * @throws EspalierError from `read`: `missing-file` when the host does not give the file with the
 *   size that was declared
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
