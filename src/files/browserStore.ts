// The databases of the page in IndexedDB, through idb-keyval. A browser may have none, refuse it by
// throwing at once, or be full: nothing that is remembered may make anything else fail.

import { createStore, delMany, getMany, keys, type UseStore } from 'idb-keyval';

export type OpenStore = () => UseStore | null;

/** Opens the database when it is first asked for, once; gives null where IndexedDB is missing. */
export function storeOf(database: string, name: string): OpenStore {
  let store: UseStore | null | undefined;
  return () => {
    if (store === undefined)
      store = typeof indexedDB === 'undefined' ? null : createStore(database, name);
    return store;
  };
}

/** Null when the work fails or there is no IndexedDB. */
export async function attempt<T>(
  open: OpenStore,
  work: (store: UseStore) => Promise<T>,
): Promise<T | null> {
  try {
    const store = open();
    return store && (await work(store));
  } catch {
    return null;
  }
}

/** A record in two entries, so that a list reads no bodies: what is said about it, and its body. */
export const ABOUT = 'about ';
export const BODY = 'body ';

/** What is said about every record, in no order; damaged entries are left out. */
export async function readAbouts<T>(
  store: UseStore,
  isAbout: (value: unknown) => value is T,
): Promise<T[]> {
  const names = (await keys(store)).filter(
    (name): name is string => typeof name === 'string' && name.startsWith(ABOUT),
  );
  return (await getMany<unknown>(names, store)).filter(isAbout);
}

export const removeRecords = (store: UseStore, gone: readonly string[]): Promise<void> =>
  delMany(
    gone.flatMap((key) => [ABOUT + key, BODY + key]),
    store,
  );
