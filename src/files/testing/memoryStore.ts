// An IndexedDB object store in memory, as far as idb-keyval uses it, for tests.

import type { UseStore } from 'idb-keyval';

export interface MemoryStore {
  use: UseStore;
  /** What is stored now. */
  values: Map<IDBValidKey, unknown>;
  /** Keys that were read, in order. */
  reads: IDBValidKey[];
  /** While set, writes end as on a full disk: nothing of the transaction is stored. */
  full: boolean;
}

export function memoryStore(): MemoryStore {
  const values = new Map<IDBValidKey, unknown>();
  const reads: IDBValidKey[] = [];

  /** Answers in a later turn, as the real one does. */
  function answer(
    result: unknown,
    error: DOMException | null = null,
  ): { result: unknown; error: DOMException | null } {
    const one: {
      result: unknown;
      error: DOMException | null;
      onsuccess?: () => void;
      onerror?: () => void;
    } = { result, error };
    setTimeout(() => (error ? one.onerror?.() : one.onsuccess?.()));
    return one;
  }

  const store: MemoryStore = {
    values,
    reads,
    full: false,
    use: async (_mode, callback) => {
      const waiting: (() => void)[] = [];
      const objectStore = {
        put: (value: unknown, key: IDBValidKey) =>
          void waiting.push(() => values.set(key, structuredClone(value))),
        delete: (key: IDBValidKey) => void waiting.push(() => values.delete(key)),
        clear: () => void waiting.push(() => values.clear()),
        get: (key: IDBValidKey) => {
          reads.push(key);
          return answer(values.get(key));
        },
        getAllKeys: () => answer([...values.keys()]),
        get transaction() {
          if (store.full)
            return answer(
              null,
              new DOMException('The quota has been exceeded.', 'QuotaExceededError'),
            );
          for (const write of waiting) write();
          return answer(undefined);
        },
      };
      return callback(Object.setPrototypeOf(objectStore, null));
    },
  };
  return store;
}
