// The files of the site that this browser keeps: one cache for each version, so that a page never
// gets a file of another one. A file that two versions share is carried over, not fetched again.

import type { SiteFile, SiteFiles } from '../contract/site.ts';
import { isolated } from './isolated.ts';

/** What the shelf needs of the browser; tests give their own. */
export interface ShelfEnvironment {
  caches: Pick<CacheStorage, 'open' | 'keys' | 'delete'>;
  fetch(url: string, init: { cache: RequestCache }): Promise<Response>;
}

const PAGE = 'index.html';
/** Requests at a time while the service worker is installed. */
const AT_ONCE = 6;

export class Shelf {
  private readonly files: SiteFiles;
  /** Address of the folder of the site, with a slash at its end. */
  private readonly scope: string;
  private readonly env: ShelfEnvironment;
  private readonly revisions: ReadonlyMap<string, string>;
  private readonly coming = new Map<string, Promise<void>>();

  constructor(files: SiteFiles, scope: string, env: ShelfEnvironment) {
    this.files = files;
    this.scope = scope;
    this.env = env;
    this.revisions = new Map([...files.shell, ...files.onUse]);
  }

  /** Several sites may live under one origin: the names of their caches differ. */
  private get prefix(): string {
    return `espalier ${this.scope} `;
  }

  /** Path of an address below the site: '' and the page itself are the page; null elsewhere. */
  pathOf(url: string): string | null {
    const plain = url.replace(/[?#].*$/s, '');
    if (!plain.startsWith(this.scope)) return null;
    try {
      return decodeURIComponent(plain.slice(this.scope.length)) || PAGE;
    } catch {
      // A `%` without its two digits: no file of the site is named so.
      return null;
    }
  }

  has(path: string): boolean {
    return this.revisions.has(path);
  }

  /**
   * Keeps the shell. @throws when a file is missing, or the page is of another version: the host is
   * just being updated, and the browser tries again with the next visit
   */
  async install(): Promise<void> {
    const waiting = [...this.files.shell];
    const work = async () => {
      for (let file = waiting.pop(); file; file = waiting.pop()) {
        await this.keep(file[0]);
        if (!(await this.kept(file[0]))) throw new Error(`${file[0]} is not of this version`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  /**
   * Takes over from older versions what this one has too and has not used yet. What finds no room
   * is left for its next use.
   */
  async carryOver(): Promise<void> {
    const own = await this.own();
    for (const file of this.files.onUse) {
      if (await own.match(this.keyOf(file))) continue;
      const older = await this.inOthers(this.keyOf(file));
      if (older) await own.put(this.keyOf(file), older).catch(() => {});
    }
  }

  /** Names of the caches of other versions of this site. */
  async others(): Promise<string[]> {
    const own = this.prefix + this.files.version;
    const names = await this.env.caches.keys();
    return names.filter((name) => name.startsWith(this.prefix) && name !== own);
  }

  async drop(names: readonly string[]): Promise<void> {
    for (const name of names) await this.env.caches.delete(name);
  }

  /** A file of this version as it is kept. */
  async kept(path: string): Promise<Response | null> {
    return (await (await this.own()).match(this.keyOf([path, this.revision(path)]))) ?? null;
  }

  /** A file whose name holds a hash, of another version, which may still have a page open. */
  async keptOfOther(path: string): Promise<Response | null> {
    return this.inOthers(this.keyOf([path, '']));
  }

  /** Fetches and keeps a file of this version unless it is kept; what the host refuses is not. */
  keep(path: string): Promise<void> {
    const known = this.coming.get(path);
    if (known) return known;
    const coming = this.bring(path).finally(() => this.coming.delete(path));
    this.coming.set(path, coming);
    return coming;
  }

  /** Keeps every file of a folder; what cannot be fetched now is left for its next use. */
  async keepAll(folder: string): Promise<void> {
    for (const path of this.revisions.keys())
      if (path.startsWith(folder)) await this.keep(path).catch(() => {});
  }

  /** Writes something down until this version is gone. */
  async note(name: string, text: string): Promise<void> {
    await (await this.own()).put(`${this.scope}?${name}`, new Response(text));
  }

  async noted(name: string): Promise<string | null> {
    return (await (await this.own()).match(`${this.scope}?${name}`))?.text() ?? null;
  }

  private async bring(path: string): Promise<void> {
    const revision = this.revision(path);
    const key = this.keyOf([path, revision]);
    const own = await this.own();
    if (await own.match(key)) return;
    const response = (await this.inOthers(key)) ?? (await this.fetched(path, revision));
    if (response) await own.put(key, response);
  }

  private async fetched(path: string, revision: string): Promise<Response | null> {
    // A name with a hash stands for its content; others are asked for anew.
    const cache = revision === '' ? 'default' : 'no-cache';
    if (path === PAGE) return this.fetchedPage(cache);
    const response = await this.env.fetch(this.addressOf(path), { cache });
    return response.status === 200 ? isolated(response) : null;
  }

  /** Hosts know the page by its name or as the folder; one of another version is not kept. */
  private async fetchedPage(cache: RequestCache): Promise<Response | null> {
    for (const path of ['', PAGE]) {
      const response = await this.env.fetch(this.addressOf(path), { cache });
      if (response.status !== 200) continue;
      const html = await response.clone().text();
      if (html.includes(this.files.entry)) return isolated(response);
    }
    return null;
  }

  private revision(path: string): string {
    return this.revisions.get(path) ?? '';
  }

  private addressOf(path: string): string {
    return this.scope + path.split('/').map(encodeURIComponent).join('/');
  }

  private keyOf([path, revision]: SiteFile): string {
    return this.addressOf(path) + (revision && `?${revision}`);
  }

  private own(): Promise<Cache> {
    return this.env.caches.open(this.prefix + this.files.version);
  }

  private async inOthers(key: string): Promise<Response | null> {
    for (const name of await this.others()) {
      const found = await (await this.env.caches.open(name)).match(key);
      if (found) return found;
    }
    return null;
  }
}
