// The caches of a browser and a host in memory; for tests, never in the app.

import type { SiteFile, SiteFiles } from '../../contract/site.ts';
import { Shelf, type ShelfEnvironment } from '../shelf.ts';

export const SCOPE = 'https://host.example/espalier/';

export class MemoryCaches {
  readonly content = new Map<string, Map<string, Response>>();
  /** As when the storage that the browser grants is used up. */
  isFull = false;

  async open(name: string): Promise<Cache> {
    const entries = this.content.get(name) ?? new Map<string, Response>();
    this.content.set(name, entries);
    return {
      match: async (key: string) => entries.get(key)?.clone(),
      // As in a browser, the body is read to its end.
      put: async (key: string, response: Response) => {
        if (this.isFull) throw new DOMException('Quota exceeded.', 'QuotaExceededError');
        const { status, statusText, headers } = response;
        const body = await response.arrayBuffer();
        entries.set(key, new Response(body, { status, statusText, headers }));
      },
    } as unknown as Cache;
  }

  async keys(): Promise<string[]> {
    return [...this.content.keys()];
  }

  async delete(name: string): Promise<boolean> {
    return this.content.delete(name);
  }

  /** Addresses below the scope in the cache whose name ends with `version`. */
  kept(version: string): string[] {
    const found = [...this.content].find(([name]) => name.endsWith(version));
    return [...(found?.[1].keys() ?? [])].map((key) => key.slice(SCOPE.length)).sort();
  }
}

/** A host that has these files, and counts what it is asked for. */
export function memoryHost(files: Record<string, string>) {
  const asked: string[] = [];
  const answers = async (url: string): Promise<Response> => {
    const path = decodeURIComponent(url.slice(SCOPE.length));
    asked.push(path);
    const text = files[path || 'index.html'];
    return text === undefined
      ? new Response('none', { status: 404 })
      : new Response(text, { headers: { 'content-type': 'text/plain' } });
  };
  return { asked, files, fetch: answers };
}

/** A version of a small site: page, script, a wasm build and a sample of two files. */
export function siteOf(version: string, sample = version): SiteFiles {
  const shell: SiteFile[] = [
    ['index.html', `page-${version}`],
    [`assets/index-${version}.js`, ''],
    ['text/a.txt', 'one'],
  ];
  const onUse: SiteFile[] = [
    ['assets/ort-same.wasm', ''],
    ['sample/a.bin', sample],
    ['sample/b c.bin', sample],
  ];
  return { version, entry: `assets/index-${version}.js`, shell, onUse };
}

/** What the host of that version has. */
export const filesOf = (version: string): Record<string, string> => ({
  'index.html': `<script src="./assets/index-${version}.js"></script>`,
  [`assets/index-${version}.js`]: `script of ${version}`,
  'text/a.txt': 'text',
  'assets/ort-same.wasm': 'wasm',
  'sample/a.bin': '0123456789',
  'sample/b c.bin': `b of ${version}`,
});

export function shelfOf(
  files: SiteFiles,
  caches: ShelfEnvironment['caches'],
  host: Pick<ReturnType<typeof memoryHost>, 'fetch'>,
): Shelf {
  return new Shelf(files, SCOPE, { caches, fetch: host.fetch });
}
