// Stores checkpoints of long jobs in IndexedDB. A failure to store one never fails the job.

import { get, keys, setMany, type UseStore } from 'idb-keyval';
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

/** A stored job without its body. Plain data that can be cloned. */
export interface KeptJob {
  key: string;
  /** Equal for all jobs on one model. */
  modelKey: string;
  job: string;
  /** ms since 1970. */
  savedAt: number;
  /** Whatever the caller needs to know without reading the body. */
  about: unknown;
}

/** Most checkpoints of one job on one model (they differ in settings); the oldest are dropped. */
const MAX_PER_JOB = 3;
/** Most checkpoints in all; those of streamed jobs may take hundreds of MB. */
const MAX_JOBS = 20;
const MAX_AGE_MS = 30 * 24 * 3600 * 1000;

export interface JobShelf {
  /** Newest first. Reads no body. */
  list(): Promise<KeptJob[]>;
  /** The body stored under this key; undefined when there is none. */
  body(key: string): Promise<unknown>;
  /** Stores a job in place of the one with the same key. False when it could not be stored. */
  keep(job: KeptJob, body: unknown): Promise<boolean>;
  forget(key: string): Promise<void>;
}

const browserStore = storeOf('espalier-jobs', 'jobs');

export function makeJobShelf(
  open: OpenStore = browserStore,
  now: () => number = Date.now,
): JobShelf {
  const read = async (store: UseStore): Promise<KeptJob[]> =>
    (await readAbouts(store, isKeptJob))
      .filter(({ savedAt }) => now() - savedAt < MAX_AGE_MS)
      .sort((a, b) => b.savedAt - a.savedAt);

  /** Removes what is too old or beyond the bounds once this job is stored. */
  async function makeRoom(store: UseStore, { key, modelKey, job }: KeptJob): Promise<void> {
    // Listed before reading, so that a checkpoint that another tab stores meanwhile is not removed.
    const names = (await keys<string>(store)).map((name) => name.slice(name.indexOf(' ') + 1));
    const others = (await read(store)).filter((one) => one.key !== key);
    const surplus = others
      .filter((one) => one.modelKey === modelKey && one.job === job)
      .slice(MAX_PER_JOB - 1);
    const rest = others.filter((one) => !surplus.includes(one));
    const kept = new Set([key, ...rest.slice(0, MAX_JOBS - 1).map((one) => one.key)]);
    const removed = [...new Set(names)].filter((name) => !kept.has(name));
    if (removed.length > 0) await removeRecords(store, removed);
  }

  return {
    list: async () => (await attempt(open, read)) ?? [],
    body: async (key) =>
      (await attempt(open, async (store) => withoutBlobs(await get<unknown>(BODY + key, store)))) ??
      undefined,
    async keep(job, body) {
      const done = await attempt(open, async (store) => {
        await makeRoom(store, job);
        // One transaction, so that a job and its body always belong together.
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
      await attempt(open, (store) => removeRecords(store, [key]));
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
