// How requests of the page are answered.

import { expect, it } from 'vitest';
import { answer } from './answer.ts';
import {
  filesOf,
  MemoryCaches,
  memoryHost,
  SCOPE,
  shelfOf,
  siteOf,
} from './testing/memoryCaches.ts';

function site(version = 'v1', caches = new MemoryCaches()) {
  const host = memoryHost(filesOf(version));
  const shelf = shelfOf(siteOf(version), caches, host);
  const later: Promise<unknown>[] = [];
  const ask = (path: string, headers: Record<string, string> = {}) =>
    answer(
      new Request(`${SCOPE}${path}`, { headers }),
      shelf,
      ({ url }) => host.fetch(url),
      (work) => later.push(work),
    );
  return { host, shelf, caches, ask, settle: () => Promise.all(later) };
}

it('answers the page and its scripts without the host', async () => {
  const { host, shelf, ask } = site();
  await shelf.install();
  host.asked.length = 0;
  for (const path of ['', 'index.html', '?from=home', 'assets/index-v1.js']) {
    const answered = await ask(path);
    expect(answered.status).toBe(200);
    expect(answered.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  }
  expect(host.asked).toEqual([]);
});

it('answers stretches of a kept file as a host does', async () => {
  const { ask, host, settle } = site();
  const first = await ask('sample/a.bin', { range: 'bytes=2-4' });
  expect(first.status).toBe(206);
  expect(first.headers.get('content-range')).toBe('bytes 2-4/10');
  expect(first.headers.get('content-length')).toBe('3');
  expect(first.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect(await first.text()).toBe('234');
  expect(await (await ask('sample/a.bin', { range: 'bytes=7-' })).text()).toBe('789');
  expect(await (await ask('sample/a.bin', { range: 'bytes=8-99' })).text()).toBe('89');
  expect((await ask('sample/a.bin', { range: 'bytes=10-' })).status).toBe(416);
  const odd = await ask('sample/a.bin', { range: 'bytes=1-2,4-5' });
  expect([odd.status, await odd.text()]).toEqual([200, '0123456789']);
  await settle();
  // The rest of the sample was kept beside it, each file once.
  expect(host.asked.sort()).toEqual(['sample/a.bin', 'sample/b c.bin']);
});

it('adds the headers to what it does not keep', async () => {
  const { ask, host } = site();
  host.files['other.txt'] = 'other';
  const found = await ask('other.txt');
  expect(await found.text()).toBe('other');
  expect(found.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  const missing = await ask('nothing.txt');
  expect(missing.status).toBe(404);
});

it('gives an old page the scripts of its version, which the host no longer has', async () => {
  const caches = new MemoryCaches();
  await site('v1', caches).shelf.install();
  const { ask, host } = site('v2', caches);
  expect(await (await ask('assets/index-v1.js')).text()).toBe('script of v1');
  expect(host.asked).toEqual([]);
});

it('asks the host where the browser keeps nothing', async () => {
  const { host } = site();
  const refused = () => Promise.reject(new Error('storage is refused'));
  const shelf = shelfOf(siteOf('v1'), { open: refused, keys: refused, delete: refused }, host);
  const answered = await answer(
    new Request(SCOPE),
    shelf,
    ({ url }) => host.fetch(url),
    () => {},
  );
  expect(await answered.text()).toContain('index-v1.js');
  expect(answered.headers.get('cross-origin-opener-policy')).toBe('same-origin');
});

it('fails as without it when the host cannot be reached', async () => {
  const shelf = shelfOf(siteOf('v1'), new MemoryCaches(), {
    fetch: () => Promise.reject(new TypeError('Failed to fetch')),
  });
  const asked = answer(
    new Request(`${SCOPE}sample/a.bin`),
    shelf,
    () => Promise.reject(new TypeError('Failed to fetch')),
    () => {},
  );
  await expect(asked).rejects.toThrow('Failed to fetch');
});
