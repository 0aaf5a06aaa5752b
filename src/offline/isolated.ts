// The headers of cross-origin isolation, for hosts that do not send them: with them a browser gives
// WebAssembly several threads.

export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/** The response with these headers; one that cannot be read, such as a redirect, as it is. */
export function isolated(response: Response): Response {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  // The body is unpacked already, and longer than what was sent.
  if (headers.has('content-encoding')) {
    headers.delete('content-encoding');
    headers.delete('content-length');
  }
  const { body, status, statusText } = response;
  return new Response(body, { status, statusText, headers });
}

/**
 * The stretch of a whole file that a `Range` header asks for, as a host would send it; the whole
 * file where the header asks for none or in a way that hosts may ignore.
 */
export async function stretchOf(file: Response, range: string | null): Promise<Response> {
  const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
  if (!asked || file.status !== 200) return file;
  const content = await file.blob();
  const start = Number(asked[1]);
  const end = Math.min(asked[2] ? Number(asked[2]) + 1 : content.size, content.size);
  const headers = new Headers(file.headers);
  if (start >= end) {
    headers.set('content-range', `bytes */${content.size}`);
    headers.delete('content-length');
    return new Response(null, { status: 416, statusText: 'Range Not Satisfiable', headers });
  }
  headers.set('content-range', `bytes ${start}-${end - 1}/${content.size}`);
  headers.set('content-length', String(end - start));
  return new Response(content.slice(start, end), {
    status: 206,
    statusText: 'Partial Content',
    headers,
  });
}
