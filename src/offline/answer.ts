// How a request of the page is answered: from the kept files of this version, else from the host,
// always with the headers of cross-origin isolation.

import { isolated, stretchOf } from './isolated.ts';
import type { Shelf } from './shelf.ts';

/** What is used together is kept together. */
const SAMPLE = 'sample/';

/**
 * The answer to a GET request below the site. `after` gets what goes on when it has been given.
 */
export async function answer(
  request: Request,
  shelf: Shelf,
  host: (request: Request) => Promise<Response>,
  after: (work: Promise<unknown>) => void,
): Promise<Response> {
  const path = shelf.pathOf(request.url);
  if (path === null) return host(request);
  if (shelf.has(path)) {
    const kept = await whole(path, shelf).catch(() => null);
    if (kept) {
      if (path.startsWith(SAMPLE)) after(shelf.keepAll(SAMPLE));
      return stretchOf(kept, request.headers.get('range'));
    }
  } else if (path.startsWith('assets/')) {
    const other = await shelf.keptOfOther(path).catch(() => null);
    if (other) return other;
  }
  return isolated(await host(request));
}

/** The kept file, fetched first where it is used for the first time. */
async function whole(path: string, shelf: Shelf): Promise<Response | null> {
  const kept = await shelf.kept(path);
  if (kept) return kept;
  await shelf.keep(path);
  return shelf.kept(path);
}
