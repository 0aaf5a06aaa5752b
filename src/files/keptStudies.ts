// Stores what was measured of models in IndexedDB, a record for each; bounded. A failure to store
// never fails the work.

import { clear, get, promisifyRequest, type UseStore } from 'idb-keyval';
import type { Unit } from '../units.ts';
import {
  ABOUT,
  attempt,
  BODY,
  type OpenStore,
  readAbouts,
  removeRecords,
  storeOf,
} from './browserStore.ts';

/** What a folder was made from, by the espalier.json in it. */
export interface KeptOrigin {
  /** Of the source, as `keyOfIdentity` gives it. */
  key: string;
  name: string;
  /** Removed from the source, in its numbering. */
  removed: readonly Unit[];
}

/** A stored record without its body. Plain data that can be cloned. */
export interface KeptAbout {
  /** Of the model, as `keyOfIdentity` gives it. */
  key: string;
  name: string;
  /** Path of its graph. */
  graph: string;
  /** What is known of a model as soon as it is open: other looks, another model. */
  looks: string;
  /** When it was written and last opened, in ms since 1970. */
  savedAt: number;
  usedAt: number;
  /** Estimated size. */
  bytes: number;
  /** Version of the page that wrote it. */
  app: string;
  /** How much of each kind is in it. */
  counts: Readonly<Record<string, number>>;
  /** Absent for models that no export of ours is, and in records of older versions. */
  origin?: KeptOrigin;
  /** Absent in records of older versions. */
  numBlocks?: number;
  /** Bytes of graph and weights; absent in records of older versions. */
  fileBytes?: number;
}

type NewRecord = { about: Omit<KeptAbout, 'key' | 'bytes'>; body: unknown };

export interface KeptShelf {
  /** Newest use first; null when this browser stores nothing. Reads no body. */
  list(): Promise<KeptAbout[] | null>;
  /** Undefined when there is none. */
  read(key: string): Promise<unknown>;
  /**
   * Replaces the body by what `make` makes of the stored one, in one transaction, so that two tabs
   * never lose what the other wrote; null erases the record.
   */
  update(key: string, make: (stored: unknown) => NewRecord | null): Promise<Stored>;
  /** The record was used just now: it is among the last to go. */
  touch(key: string, usedAt: number): Promise<void>;
  /** False when that failed. */
  erase(key: string): Promise<boolean>;
  eraseAll(): Promise<boolean>;
}

/** `full`: the browser's quota is used up; `failed`: nothing can be stored. */
export type Stored = 'done' | 'full' | 'failed';

/** Most models, and most bytes in all: those that were not used for longest go first. */
const MAX_MODELS = 20;
const MAX_BYTES = 50e6;

const browserStore = storeOf('espalier-kept', 'models');

export function makeKeptShelf(open: OpenStore = browserStore): KeptShelf {
  const read = async (store: UseStore): Promise<KeptAbout[]> =>
    (await readAbouts(store, isAbout)).sort((a, b) => b.usedAt - a.usedAt);

  /** Removes what is beyond the bounds, never the record that was written just now. */
  async function bound(store: UseStore, key: string): Promise<void> {
    const all = await read(store);
    const newest = [...all].sort((a, b) => Number(b.key === key) - Number(a.key === key));
    let bytes = 0;
    const gone = newest.filter((about, i) => {
      bytes += about.bytes;
      return about.key !== key && (i >= MAX_MODELS || bytes > MAX_BYTES);
    });
    if (gone.length > 0)
      await removeRecords(
        store,
        gone.map((about) => about.key),
      );
  }

  async function replace(
    store: UseStore,
    key: string,
    make: (stored: unknown) => NewRecord | null,
  ): Promise<void> {
    await store(
      'readwrite',
      (records) =>
        new Promise<void>((resolve, reject) => {
          const reading = records.get(BODY + key);
          reading.onerror = () => reject(reading.error);
          reading.onsuccess = () => {
            try {
              const next = make(reading.result);
              if (next) {
                const about = { ...next.about, key, bytes: roughBytes(next.body) };
                records.put(about, ABOUT + key);
                records.put(next.body, BODY + key);
              } else {
                records.delete(ABOUT + key);
                records.delete(BODY + key);
              }
              resolve(promisifyRequest(records.transaction));
            } catch (error) {
              reject(error);
            }
          };
        }),
    );
  }

  return {
    list: () => attempt(open, read),
    read: async (key) =>
      (await attempt(open, (store) => get<unknown>(BODY + key, store))) ?? undefined,
    async update(key, make) {
      try {
        const store = open();
        if (!store) return 'failed';
        await replace(store, key, make);
        await bound(store, key);
        return 'done';
      } catch (error) {
        return isQuota(error) ? 'full' : 'failed';
      }
    },
    async touch(key, usedAt) {
      await attempt(open, (store) =>
        store('readwrite', async (records) => {
          const about = await promisifyRequest<unknown>(records.get(ABOUT + key));
          if (isAbout(about)) records.put({ ...about, usedAt }, ABOUT + key);
          await promisifyRequest(records.transaction);
        }),
      );
    },
    erase: async (key) =>
      (await attempt(open, (store) => removeRecords(store, [key]).then(() => true))) ?? false,
    eraseAll: async () => (await attempt(open, (store) => clear(store).then(() => true))) ?? false,
  };
}

export const isQuota = (error: unknown) =>
  (error as { name?: unknown } | null)?.name === 'QuotaExceededError';

function isAbout(value: unknown): value is KeptAbout {
  const about = value as Partial<KeptAbout> | null | undefined;
  return (
    typeof about?.key === 'string' &&
    typeof about.name === 'string' &&
    typeof about.graph === 'string' &&
    typeof about.looks === 'string' &&
    typeof about.app === 'string' &&
    typeof about.counts === 'object' &&
    about.counts !== null &&
    (about.origin === undefined || isOrigin(about.origin)) &&
    Number.isFinite(about.savedAt) &&
    Number.isFinite(about.usedAt) &&
    Number.isFinite(about.bytes)
  );
}

function isOrigin(value: unknown): value is KeptOrigin {
  const origin = value as Partial<KeptOrigin> | null;
  return (
    typeof origin?.key === 'string' &&
    typeof origin.name === 'string' &&
    Array.isArray(origin.removed)
  );
}

/** About as many bytes as a stored value takes; what it holds twice counts twice. */
function roughBytes(value: unknown): number {
  if (typeof value === 'string') return 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  let bytes = 16;
  if (value instanceof Map)
    for (const [key, item] of value) bytes += roughBytes(key) + roughBytes(item);
  else if (value instanceof Set) for (const item of value) bytes += roughBytes(item);
  else
    for (const [key, item] of Object.entries(value))
      bytes += (Array.isArray(value) ? 0 : 2 * key.length) + roughBytes(item);
  return bytes;
}
