// Stores healings and quantisations in IndexedDB, a record for each; those of a kind are bounded in
// bytes over all models. A failure to store never fails the work, and what is in use never makes
// room for others.

import { get, setMany, type UseStore } from 'idb-keyval';
import { withBlobs, withoutBlobs } from './blobs.ts';
import {
  ABOUT,
  attempt,
  BODY,
  type OpenStore,
  readAbouts,
  removeRecords,
  storeOf,
} from './browserStore.ts';
import { isQuota, type Stored } from './keptStudies.ts';

/** A stored result without its weights. Plain data that can be cloned. */
export interface StoredResult {
  /** Unique over all models. */
  key: string;
  /** Equal for all results of one model. */
  modelKey: string;
  /** Of its weights and texts. */
  bytes: number;
  /** When it was last used, in ms since 1970. */
  usedAt: number;
  /** It makes room before those that are not. */
  passing: boolean;
  /** Whatever the caller needs to know without reading the body. */
  about: unknown;
}

/** Most bytes of all results of a kind together. */
export const MOST_KEPT_BYTES = 1e9;

export interface ResultStore {
  /** In no order; null when this browser stores nothing. Reads no body. */
  list(): Promise<StoredResult[] | null>;
  /** The body stored under this key; undefined when there is none. */
  body(key: string): Promise<unknown>;
  /**
   * Stores a result in place of the one with the same key.
   * @param inUse keys that stay, whatever their age
   * @returns what was erased to make room
   */
  keep(
    result: StoredResult,
    body: unknown,
    inUse: ReadonlySet<string>,
  ): Promise<{ stored: Stored; gone: StoredResult[] }>;
  /** What is said of a stored result; nothing happens where it is gone. */
  say(key: string, fields: Partial<Pick<StoredResult, 'usedAt' | 'about'>>): Promise<void>;
  forget(keys: readonly string[]): Promise<void>;
}

/** Where each kind is stored. */
const STORES = {
  healings: storeOf('espalier-healings', 'healings'),
  quantisations: storeOf('espalier-quantisations', 'quantisations'),
} as const;

/** The store of a kind in this browser. */
export const keptResults = (kind: keyof typeof STORES): ResultStore =>
  makeResultStore(STORES[kind]);

/** @param most bytes of all results together */
export function makeResultStore(open: OpenStore, most: number = MOST_KEPT_BYTES): ResultStore {
  /** Erases what is beyond `room` bytes: passing ones first, of equals those used longest ago. */
  async function makeRoom(
    store: UseStore,
    key: string,
    room: number,
    inUse: ReadonlySet<string>,
  ): Promise<StoredResult[]> {
    const others = (await readAbouts(store, isStored)).filter((one) => one.key !== key);
    let bytes = others.reduce((sum, one) => sum + one.bytes, 0);
    const byAge = others
      .filter((one) => !inUse.has(one.key))
      .sort((a, b) => Number(b.passing) - Number(a.passing) || a.usedAt - b.usedAt);
    const gone: StoredResult[] = [];
    for (const one of byAge) {
      if (bytes <= room) break;
      bytes -= one.bytes;
      gone.push(one);
    }
    // Without enough room, nothing goes for nothing.
    if (bytes > room) return [];
    if (gone.length > 0)
      await removeRecords(
        store,
        gone.map((one) => one.key),
      );
    return gone;
  }

  return {
    list: () => attempt(open, (store) => readAbouts(store, isStored)),
    body: async (key) =>
      (await attempt(open, async (store) => withoutBlobs(await get<unknown>(BODY + key, store)))) ??
      undefined,
    async keep(result, body, inUse) {
      const { key, bytes } = result;
      let gone: StoredResult[] = [];
      try {
        const store = open();
        if (!store) return { stored: 'failed', gone };
        gone = await makeRoom(store, key, most - bytes, inUse);
        const left = (await readAbouts(store, isStored)).filter((one) => one.key !== key);
        if (left.reduce((sum, one) => sum + one.bytes, bytes) > most)
          return { stored: 'full', gone };
        await setMany(
          [
            [ABOUT + key, result],
            [BODY + key, withBlobs(body)],
          ],
          store,
        );
        return { stored: 'done', gone };
      } catch (error) {
        return { stored: isQuota(error) ? 'full' : 'failed', gone };
      }
    },
    async say(key, fields) {
      await attempt(open, async (store) => {
        const stored = await get<unknown>(ABOUT + key, store);
        if (isStored(stored)) await setMany([[ABOUT + key, { ...stored, ...fields }]], store);
      });
    },
    async forget(keys) {
      await attempt(open, (store) => removeRecords(store, keys));
    },
  };
}

function isStored(value: unknown): value is StoredResult {
  const stored = value as Partial<StoredResult> | null | undefined;
  return (
    typeof stored?.key === 'string' &&
    typeof stored.modelKey === 'string' &&
    typeof stored.passing === 'boolean' &&
    Number.isFinite(stored.bytes) &&
    Number.isFinite(stored.usedAt)
  );
}
