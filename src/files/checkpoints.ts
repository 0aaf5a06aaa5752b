// Long jobs as far as they came, kept in IndexedDB; must not know what the jobs do, and never fails
// one: what cannot be kept is not kept.

import { createStore, delMany, get, getMany, keys, setMany, type UseStore } from 'idb-keyval';
import { withBlobs, withoutBlobs } from './blobs.ts';

/** A job that was kept, without its body. Plain data that a structured clone keeps. */
export interface KeptJob {
  key: string;
  /** Jobs on one model share it. */
  modelKey: string;
  job: string;
  /** ms since 1970. */
  savedAt: number;
  /** What the keeper wants to know of it without reading the body. */
  about: unknown;
}

/**
 * At most so many are kept of one job on one model, as settings differ, and in all; the oldest go
 * first. Bodies of streamed jobs may be hundreds of MB.
 */
const MOST_ALIKE = 3;
const MOST_JOBS = 20;
const LONGEST_MS = 30 * 24 * 3600 * 1000;

const ABOUT = 'about ';
const BODY = 'body ';

export interface JobShelf {
  /** Newest first. Reads no body. */
  list(): Promise<KeptJob[]>;
  /** The body that was kept under this key; undefined when there is none. */
  body(key: string): Promise<unknown>;
  /** Replaces what was kept under this key. False when it could not be kept. */
  keep(job: KeptJob, body: unknown): Promise<boolean>;
  forget(key: string): Promise<void>;
}

/** One for all; null where IndexedDB is missing. */
let browserStore: UseStore | null | undefined;

function openStore(): UseStore | null {
  if (browserStore === undefined)
    browserStore = typeof indexedDB === 'undefined' ? null : createStore('espalier-jobs', 'jobs');
  return browserStore;
}

export function makeJobShelf(
  open: () => UseStore | null = openStore,
  now: () => number = Date.now,
): JobShelf {
  /** Null when it failed, or where there is no IndexedDB. */
  async function attempt<T>(work: (store: UseStore) => Promise<T>): Promise<T | null> {
    try {
      const store = open();
      return store && (await work(store));
    } catch {
      return null;
    }
  }

  const remove = (store: UseStore, gone: readonly string[]) =>
    delMany(
      gone.flatMap((key) => [ABOUT + key, BODY + key]),
      store,
    );

  async function read(store: UseStore): Promise<KeptJob[]> {
    const names = (await keys(store)).filter(
      (name): name is string => typeof name === 'string' && name.startsWith(ABOUT),
    );
    const jobs = (await getMany<unknown>(names, store)).filter(isKeptJob);
    return jobs
      .filter(({ savedAt }) => now() - savedAt < LONGEST_MS)
      .sort((a, b) => b.savedAt - a.savedAt);
  }

  /** Frees what this job replaces and what is beyond the bounds. */
  async function makeRoom(store: UseStore, { key, modelKey, job }: KeptJob): Promise<void> {
    // Asked first: what another tab keeps from here on is not among them.
    const names = (await keys<string>(store)).map((name) => name.slice(name.indexOf(' ') + 1));
    const others = (await read(store)).filter((one) => one.key !== key);
    const alike = others
      .filter((one) => one.modelKey === modelKey && one.job === job)
      .slice(MOST_ALIKE - 1);
    const stays = others.filter((one) => !alike.includes(one));
    const kept = new Set([key, ...stays.slice(0, MOST_JOBS - 1).map((one) => one.key)]);
    const gone = [...new Set(names)].filter((name) => !kept.has(name));
    if (gone.length > 0) await remove(store, gone);
  }

  return {
    list: async () => (await attempt(read)) ?? [],
    body: async (key) =>
      (await attempt(async (store) => withoutBlobs(await get<unknown>(BODY + key, store)))) ??
      undefined,
    async keep(job, body) {
      const done = await attempt(async (store) => {
        await makeRoom(store, job);
        // One transaction: a body never stands beside the account of another one.
        await setMany(
          [
            [ABOUT + job.key, job],
            [BODY + job.key, withBlobs(body)],
          ],
          store,
        );
        return true;
      });
      return done ?? false;
    },
    async forget(key) {
      await attempt((store) => remove(store, [key]));
    },
  };
}

function isKeptJob(value: unknown): value is KeptJob {
  const job = value as Partial<KeptJob> | null | undefined;
  return (
    typeof job?.key === 'string' &&
    typeof job.modelKey === 'string' &&
    typeof job.job === 'string' &&
    Number.isFinite(job.savedAt)
  );
}
