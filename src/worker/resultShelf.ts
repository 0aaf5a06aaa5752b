// The results of one kind for the open model: those that this browser keeps, and those that it
// could not store, which stay in memory until the page is closed.

import type { EspalierError } from '../errors.ts';
import { MOST_KEPT_BYTES, type ResultStore } from '../files/keptResults.ts';
import type { Identity } from '../model/export/identity.ts';

/** What is said of a result. */
export interface Kept {
  id: string;
  savedAt: number;
  /** False when this browser could not store it. */
  stored: boolean;
}

/** A result with its weights. */
export interface Held<K extends Kept, B> {
  kept: K;
  body: B;
}

/** What a kind of results has of its own. */
export interface ShelfKind<K extends Kept, B> {
  isKept(value: unknown): value is K;
  isBody(value: unknown): value is B;
  /** Bytes of its body. */
  bytesOf(held: Held<K, B>): number;
  /** Of one that is no longer there. */
  gone(): EspalierError;
}

/** Results that were asked for last and are at hand without reading them again. */
const MOST_AT_HAND = 2;

export class ResultShelf<K extends Kept, B> {
  readonly most: number;
  private readonly store: ResultStore;
  private readonly kind: ShelfKind<K, B>;
  private identity: () => Promise<Identity>;
  /** By id, the one used last at the end. */
  private held = new Map<string, Held<K, B>>();

  constructor(store: ResultStore, kind: ShelfKind<K, B>, most = MOST_KEPT_BYTES) {
    this.store = store;
    this.kind = kind;
    this.most = most;
    this.identity = () => Promise.reject(kind.gone());
  }

  /** Another model is open. */
  reset(identity: () => Promise<Identity>): void {
    this.identity = identity;
    this.held = new Map();
  }

  /** Newest first, with the bytes of all models. Reads the model only where results are stored. */
  async list(): Promise<{ all: K[]; bytes: number }> {
    const records = (await this.store.list()) ?? [];
    const modelKey = records.length > 0 ? await this.modelKey() : '';
    const stored = records.flatMap((one) =>
      one.modelKey === modelKey && this.kind.isKept(one.about) ? [one.about] : [],
    );
    const unstored = [...this.held.values()]
      .map(({ kept }) => kept)
      .filter((kept) => !kept.stored && !stored.some(({ id }) => id === kept.id));
    const all = [...stored, ...unstored].sort((a, b) => b.savedAt - a.savedAt);
    return { all, bytes: records.reduce((sum, one) => sum + one.bytes, 0) };
  }

  /** What is said of a stored one; undefined where there is none. */
  async about(id: string): Promise<{ passing: boolean } | undefined> {
    const key = await this.keyOf(id);
    return (await this.store.list())?.find((one) => one.key === key);
  }

  /** @throws EspalierError as its kind says where it is not there */
  async find(id: string): Promise<Held<K, B>> {
    const held = this.held.get(id);
    if (held) {
      this.hold(held);
      return held;
    }
    const key = await this.keyOf(id);
    const about = (await this.store.list())?.find((one) => one.key === key)?.about;
    const body = await this.store.body(key);
    if (!this.kind.isKept(about) || !this.kind.isBody(body)) throw this.kind.gone();
    const found = { kept: about, body };
    this.hold(found);
    await this.store.say(key, { usedAt: Date.now() });
    return found;
  }

  /**
   * Keeps a result; an equal one takes its place.
   * @param passing it makes room before those that are not
   * @returns what is said of it now, and what made room for it
   */
  async put(held: Held<K, B>, passing: boolean): Promise<{ kept: K; gone: K[] }> {
    const { id, savedAt } = held.kept;
    const record = {
      key: await this.keyOf(id),
      modelKey: await this.modelKey(),
      bytes: this.kind.bytesOf(held),
      usedAt: savedAt,
      passing,
      about: { ...held.kept, stored: true },
    };
    const inUse = await Promise.all([...this.held.keys()].map((one) => this.keyOf(one)));
    const { stored, gone } = await this.store.keep(record, held.body, new Set(inUse));
    const kept = { ...held.kept, stored: stored === 'done' };
    this.hold({ ...held, kept });
    const made = gone.flatMap(({ about }) => (this.kind.isKept(about) ? [about] : []));
    return { kept, gone: [...made, ...this.bound()] };
  }

  /** One that is not stored at all. @returns what made room for it */
  holdOnly(held: Held<K, B>): K[] {
    this.hold({ ...held, kept: { ...held.kept, stored: false } });
    return this.bound();
  }

  /** Says something else of a kept one. */
  async change(id: string, fields: Partial<K>): Promise<K> {
    const held = await this.find(id);
    const kept = { ...held.kept, ...fields };
    this.hold({ ...held, kept });
    if (kept.stored) await this.store.say(await this.keyOf(id), { about: kept });
    return kept;
  }

  /** Erases one, or all of the model. */
  async forget(id: string | null): Promise<void> {
    const ids = id === null ? (await this.list()).all.map((one) => one.id) : [id];
    await this.store.forget(await Promise.all(ids.map((one) => this.keyOf(one))));
    for (const one of ids) this.held.delete(one);
  }

  /** Erases those of a model, by its key, or of all models. */
  async forgetOf(model: string | null): Promise<void> {
    const all = (await this.store.list()) ?? [];
    const own = all.filter(({ modelKey }) => model === null || modelKey === model);
    await this.store.forget(own.map(({ key }) => key));
    const isOpen = () => this.modelKey().catch(() => null);
    if (model === null || (await isOpen()) === model) this.held.clear();
  }

  private hold(held: Held<K, B>): void {
    const { id } = held.kept;
    this.held.delete(id);
    this.held.set(id, held);
    const atHand = [...this.held.values()].filter(({ kept }) => kept.stored);
    for (const { kept } of atHand.slice(0, -MOST_AT_HAND)) this.held.delete(kept.id);
  }

  /** Of those that could not be stored, the oldest go when they are too many. */
  private bound(): K[] {
    const lost: K[] = [];
    const unstored = [...this.held.values()].filter(({ kept }) => !kept.stored);
    let bytes = unstored.reduce((sum, one) => sum + this.kind.bytesOf(one), 0);
    for (const one of unstored.slice(0, -MOST_AT_HAND)) {
      if (bytes <= this.most) break;
      bytes -= this.kind.bytesOf(one);
      this.held.delete(one.kept.id);
      lost.push(one.kept);
    }
    return lost;
  }

  private async modelKey(): Promise<string> {
    const { graphSha256, weightsSha256 } = await this.identity();
    return `${graphSha256} ${weightsSha256}`;
  }

  private async keyOf(id: string): Promise<string> {
    return `${await this.modelKey()} ${id}`;
  }
}
