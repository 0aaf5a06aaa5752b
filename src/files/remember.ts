// What the page remembers between visits: the last folder and self-test results. Without IndexedDB nothing is remembered and nothing fails.

import { createStore, del, get, set, type UseStore } from 'idb-keyval';

const LAST_FOLDER = 'last-folder';

/** One store for all; null where IndexedDB is missing. */
let store: UseStore | null | undefined;

function open(): UseStore | null {
  if (store === undefined) store = typeof indexedDB === 'undefined' ? null : createStore('espalier', 'remembered');
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

/** Keeps the handle of the folder that was opened last; the browser asks for leave again before it is read. */
export async function rememberFolder(handle: FileSystemDirectoryHandle): Promise<void> {
  await keep(LAST_FOLDER, handle);
}

/** The folder that was opened last, or null. */
export async function lastFolder(): Promise<FileSystemDirectoryHandle | null> {
  const value = await recall(LAST_FOLDER);
  return (value as { kind?: string } | undefined)?.kind === 'directory' ? (value as FileSystemDirectoryHandle) : null;
}

/** Forgets the last folder. */
export async function forgetFolder(): Promise<void> {
  const at = open();
  if (at) await del(LAST_FOLDER, at).catch(() => {});
}

/** Keeps a device self-test as JSON. `key` names adapter, driver features and version of the page. */
export async function rememberSelfTest(key: string, result: unknown): Promise<void> {
  await keep(`self-test ${key}`, JSON.stringify(result));
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
