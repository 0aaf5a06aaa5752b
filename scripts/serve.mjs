// A plain static file server with byte ranges, for tests and benchmarks; it sends no special
// headers unless told to.

import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** Null for an address that is none: a `%` without its two digits. */
function pathOf(address) {
  try {
    return decodeURIComponent(new URL(address, 'http://localhost').pathname);
  } catch {
    return null;
  }
}

/**
 * Serves `root` under `base`, `headers` with every file; resolves to { url, close, bytesSent() }
 * once it listens. Port 0 picks a free one.
 */
export function serve(root, { port = 0, base = '/', headers = {} } = {}) {
  let sent = 0;
  const server = createServer((request, response) => {
    const path = pathOf(request.url ?? '/');
    const inside = path?.startsWith(base)
      ? normalize(path.slice(base.length) || 'index.html')
      : null;
    let file = inside === null || inside.startsWith('..') ? null : join(root, inside);
    let size = 0;
    try {
      if (file && statSync(file).isDirectory()) file = join(file, 'index.html');
      size = file ? statSync(file).size : 0;
    } catch {
      file = null;
    }
    if (!file) {
      response.writeHead(404).end('not found');
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    if (range && start >= size) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
      return;
    }
    sent += end - start + 1;
    response.writeHead(range ? 206 : 200, {
      ...headers,
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
    });
    if (request.method === 'HEAD' || size === 0) response.end();
    else createReadStream(file, { start, end }).pipe(response);
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      resolve({
        url: `http://127.0.0.1:${server.address().port}${base}`,
        bytesSent: () => sent,
        close: () => new Promise((done) => server.close(done)),
      });
    });
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [root = 'dist', ...rest] = process.argv.slice(2);
  const option = (name, fallback) =>
    rest.includes(name) ? rest[rest.indexOf(name) + 1] : fallback;
  const { url } = await serve(root, {
    port: Number(option('--port', '4173')),
    base: option('--base', '/'),
  });
  console.log(`serving ${root} at ${url}`);
}
