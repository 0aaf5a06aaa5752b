// Values that the page remembers between visits: what was found out about the device, and switches.
// Without IndexedDB nothing is remembered and nothing fails.

import { get, set } from 'idb-keyval';
import { attempt, storeOf } from './browserStore.ts';

const browserStore = storeOf('espalier', 'remembered');

/** Null where nothing is stored or storage is refused. */
const recall = (key: string): Promise<unknown> =>
  attempt(browserStore, (store) => get<unknown>(key, store));

/** Refused or full: the value lasts as long as the page. */
async function keep(key: string, value: unknown): Promise<void> {
  await attempt(browserStore, (store) => set(key, value, store));
}

/**
 * Stores the result of a self-test. `key` names the adapter, its features and the page's version.
 */
export async function rememberSelfTest(key: string, result: unknown): Promise<void> {
  await keep(`self-test ${key}`, JSON.stringify(result));
}

/** Stores the position of a switch. */
export async function rememberChoice(name: string, on: boolean): Promise<void> {
  await keep(`choice ${name}`, on);
}

/** The stored position of a switch, or null when it was never set. */
export async function recallChoice(name: string): Promise<boolean | null> {
  const value = await recall(`choice ${name}`);
  return typeof value === 'boolean' ? value : null;
}

/** Stores numbers that a person has set. */
export async function rememberNumbers(name: string, numbers: readonly number[]): Promise<void> {
  await keep(`numbers ${name}`, [...numbers]);
}

/** The stored numbers, or null when there are none. */
export async function recallNumbers(name: string): Promise<readonly number[] | null> {
  const value = await recall(`numbers ${name}`);
  return Array.isArray(value) && value.every((one) => typeof one === 'number') ? value : null;
}

/** The self-test stored under this key, or null; the caller checks its form. */
export const recallSelfTest = (key: string): Promise<unknown> => recallJson(`self-test ${key}`);

/**
 * Stores which device was chosen. `key` names the structure of the model, the adapter, the threads
 * of the CPU and the page's version.
 */
export async function rememberDeviceChoice(key: string, choice: unknown): Promise<void> {
  await keep(`device ${key}`, JSON.stringify(choice));
}

/** The choice stored under this key, or null; the caller checks its form. */
export const recallDeviceChoice = (key: string): Promise<unknown> => recallJson(`device ${key}`);

async function recallJson(key: string): Promise<unknown> {
  const value = await recall(key);
  try {
    return typeof value === 'string' ? (JSON.parse(value) as unknown) : null;
  } catch {
    return null;
  }
}
