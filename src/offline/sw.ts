// Entry of the service worker of the built site: install, activate, requests, messages. Built into
// `sw.js` beside the page (vite.config.ts); not active in the development server.

import type { SiteFiles, SiteMessage } from '../contract/site.ts';
import { answer } from './answer.ts';
import { Shelf } from './shelf.ts';

declare const self: ServiceWorkerGlobalScope;
/** Put in place when the site is built (scripts/siteFiles.ts). */
declare const ESPALIER_SITE_FILES: SiteFiles;

const shelf = new Shelf(ESPALIER_SITE_FILES, self.registration.scope, {
  caches: self.caches,
  fetch: (url, init) => self.fetch(url, init),
});

/** What is left of the versions before: their caches, and their pages by id, which need them. */
interface Before {
  caches: string[];
  pages: string[];
}
const BEFORE = 'before';

self.addEventListener('install', (event) => event.waitUntil(shelf.install()));

self.addEventListener('activate', (event) => event.waitUntil(activate()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || shelf.pathOf(request.url) === null) return;
  event.respondWith(
    answer(
      request,
      shelf,
      (asked) => self.fetch(asked),
      (work) => event.waitUntil(work),
    ),
  );
});

self.addEventListener('message', (event) => {
  const message = event.data as SiteMessage;
  if (message.kind === 'activate') event.waitUntil(self.skipWaiting());
  if (message.kind === 'hello') event.waitUntil(dropUnneeded());
  if (message.kind === 'used') event.waitUntil(keepUsed(message.urls));
});

/** From now on this version answers; pages of the one before keep its files until they are gone. */
async function activate(): Promise<void> {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const before: Before = { caches: await shelf.others(), pages: pages.map(({ id }) => id) };
  // First and whatever comes of it: with storage full, no version before may stay for good.
  await shelf.note(BEFORE, JSON.stringify(before)).catch(() => {});
  await shelf.carryOver();
  await dropUnneeded();
  await self.clients.claim();
}

async function dropUnneeded(): Promise<void> {
  const noted = await shelf.noted(BEFORE);
  if (!noted) return;
  const { caches, pages } = JSON.parse(noted) as Before;
  const open = await Promise.all(pages.map((id) => self.clients.get(id)));
  if (open.every((page) => !page)) await shelf.drop(caches);
}

async function keepUsed(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const path = shelf.pathOf(url);
    if (path !== null && shelf.has(path)) await shelf.keep(path).catch(() => {});
  }
}
