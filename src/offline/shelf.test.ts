// The files that the service worker keeps, version by version.

import { expect, it } from 'vitest';
import {
  filesOf,
  MemoryCaches,
  memoryHost,
  SCOPE,
  shelfOf,
  siteOf,
} from './testing/memoryCaches.ts';

it('keeps the shell at once, and what is used when it is used', async () => {
  const caches = new MemoryCaches();
  const host = memoryHost(filesOf('v1'));
  const shelf = shelfOf(siteOf('v1'), caches, host);
  await shelf.install();
  expect(caches.kept('v1')).toEqual(['assets/index-v1.js', 'index.html?page-v1', 'text/a.txt?one']);
  await Promise.all([shelf.keep('sample/a.bin'), shelf.keep('sample/a.bin')]);
  expect(host.asked.filter((path) => path.startsWith('sample'))).toEqual(['sample/a.bin']);
  expect(await (await shelf.kept('sample/a.bin'))?.text()).toBe('0123456789');
});

it('keeps files with the headers of isolation', async () => {
  const caches = new MemoryCaches();
  const shelf = shelfOf(siteOf('v1'), caches, memoryHost(filesOf('v1')));
  await shelf.install();
  const page = await shelf.kept('index.html');
  expect(page?.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect(page?.headers.get('content-type')).toBe('text/plain');
});

it('is not installed with a page of another version, or without a file', async () => {
  const stale = { ...filesOf('v2'), 'index.html': filesOf('v1')['index.html']! };
  const install = (files: Record<string, string>) =>
    shelfOf(siteOf('v2'), new MemoryCaches(), memoryHost(files)).install();
  await expect(install(stale)).rejects.toThrow('index.html is not of this version');
  const { 'text/a.txt': _, ...less } = filesOf('v2');
  await expect(install(less)).rejects.toThrow('text/a.txt is not of this version');
});

it('takes the page under its own name where the folder is not answered', async () => {
  const host = memoryHost(filesOf('v1'));
  const fetch = async (url: string) =>
    url === SCOPE ? new Response('', { status: 403 }) : host.fetch(url);
  const shelf = shelfOf(siteOf('v1'), new MemoryCaches(), { fetch });
  await shelf.install();
  expect(await (await shelf.kept('index.html'))?.text()).toContain('index-v1.js');
});

it('carries over what two versions share, and nothing else', async () => {
  const caches = new MemoryCaches();
  const before = shelfOf(siteOf('v1'), caches, memoryHost(filesOf('v1')));
  await before.install();
  await before.keep('assets/ort-same.wasm');
  await before.keepAll('sample/');
  const host = memoryHost(filesOf('v2'));
  const now = shelfOf(siteOf('v2'), caches, host);
  await now.install();
  expect(host.asked).not.toContain('text/a.txt');
  await now.carryOver();
  expect(host.asked).not.toContain('assets/ort-same.wasm');
  expect(caches.kept('v2')).toEqual([
    'assets/index-v2.js',
    'assets/ort-same.wasm',
    'index.html?page-v2',
    'text/a.txt?one',
  ]);
  expect(await (await now.kept('index.html'))?.text()).toContain('index-v2.js');
  expect(await (await before.kept('index.html'))?.text()).toContain('index-v1.js');
  expect(await (await now.keptOfOther('assets/index-v1.js'))?.text()).toBe('script of v1');
});

it('goes on where nothing more finds room: what is not carried over is fetched', async () => {
  const caches = new MemoryCaches();
  const before = shelfOf(siteOf('v1'), caches, memoryHost(filesOf('v1')));
  await before.install();
  await before.keep('assets/ort-same.wasm');
  const now = shelfOf(siteOf('v2'), caches, memoryHost(filesOf('v2')));
  await now.install();
  caches.isFull = true;
  await now.carryOver();
  expect(caches.kept('v2')).not.toContain('assets/ort-same.wasm');
  await now.drop(await now.others());
  caches.isFull = false;
  await now.keep('assets/ort-same.wasm');
  expect(await (await now.kept('assets/ort-same.wasm'))?.text()).toBe('wasm');
});

it('knows the caches of other versions, not those of other sites', async () => {
  const caches = new MemoryCaches();
  await caches.open('espalier https://host.example/other/ v1');
  await caches.open('something else');
  const [one, two] = ['v1', 'v2'].map((v) => shelfOf(siteOf(v), caches, memoryHost(filesOf(v))));
  await one!.install();
  await two!.install();
  const others = await two!.others();
  expect(others).toEqual([`espalier ${SCOPE} v1`]);
  await two!.drop(others);
  expect((await caches.keys()).sort()).toEqual([
    'espalier https://host.example/espalier/ v2',
    'espalier https://host.example/other/ v1',
    'something else',
  ]);
});

it('knows the paths below the site only', () => {
  const shelf = shelfOf(siteOf('v1'), new MemoryCaches(), memoryHost({}));
  expect(shelf.pathOf(SCOPE)).toBe('index.html');
  expect(shelf.pathOf(`${SCOPE}?utm=1#plan=3`)).toBe('index.html');
  expect(shelf.pathOf(`${SCOPE}sample/b%20c.bin`)).toBe('sample/b c.bin');
  expect(shelf.pathOf('https://host.example/other/')).toBeNull();
  expect(shelf.pathOf('https://elsewhere.example/espalier/')).toBeNull();
  expect(shelf.pathOf(`${SCOPE}100%.html`)).toBeNull();
});
