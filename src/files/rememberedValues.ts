// What the page remembers between visits: device self-test results, switches. Without IndexedDB
// nothing is remembered and nothing fails.

import { createStore, get, set, type UseStore } from 'idb-keyval';

/** One store for all; null where IndexedDB is missing. */
let store: UseStore | null | undefined;

function open(): UseStore | null {
  if (store === undefined)
    store = typeof indexedDB === 'undefined' ? null : createStore('espalier', 'remembered');
  return store;
}

async function recall(key: string): Promise<unknown> {
  const at = open();
  return at ? await get<unknown>(key, at).catch(() => undefined) : undefined;
}

async function keep(key: string, value: unknown): Promise<void> {
  const at = open();
  if (at) await set(key, value, at).catch(() => {});
}

/**
 * Keeps a device self-test as JSON. `key` names adapter, driver features and version of the page.
 */
export async function rememberSelfTest(key: string, result: unknown): Promise<void> {
  await keep(`self-test ${key}`, JSON.stringify(result));
}

/** Keeps a switch of the page. */
export async function rememberChoice(name: string, on: boolean): Promise<void> {
  await keep(`choice ${name}`, on);
}

/** How a switch was left, or null when it never was. */
export async function recallChoice(name: string): Promise<boolean | null> {
  const value = await recall(`choice ${name}`);
  return typeof value === 'boolean' ? value : null;
}

/** A device self-test that was kept under this key, or null; the caller checks its shape. */
export async function recallSelfTest(key: string): Promise<unknown> {
  const value = await recall(`self-test ${key}`);
  try {
    return typeof value === 'string' ? (JSON.parse(value) as unknown) : null;
  } catch {
    return null;
  }
}
