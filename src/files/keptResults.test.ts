// The store of results: bounded in bytes, passing ones make room first, what is in use stays, and
// nothing is erased for what does not fit anyway.

import { expect, it } from 'vitest';
import { makeResultStore, type StoredResult } from './keptResults.ts';
import { memoryStore } from './testing/memoryStore.ts';

const one = (key: string, usedAt: number, fields: Partial<StoredResult> = {}): StoredResult => ({
  key,
  modelKey: 'm',
  bytes: 40,
  usedAt,
  passing: false,
  about: key,
  ...fields,
});

const NONE: ReadonlySet<string> = new Set();

function shelf(most = 100) {
  const memory = memoryStore();
  const store = makeResultStore(() => memory.use, most);
  const keys = async () => (await store.list())!.map(({ key }) => key).sort();
  return { store, keys, memory };
}

it('makes room by passing ones, then by those used longest ago, and says which', async () => {
  const { store, keys } = shelf();
  await store.keep(one('old', 1), 1, NONE);
  await store.keep(one('switch', 5, { passing: true }), 2, NONE);
  const { stored, gone } = await store.keep(one('new', 6), 3, NONE);
  expect([stored, gone.map(({ key }) => key)]).toEqual(['done', ['switch']]);
  expect((await store.keep(one('newer', 7), 4, NONE)).gone.map(({ key }) => key)).toEqual(['old']);
  expect(await keys()).toEqual(['new', 'newer']);
  expect(await store.body('old')).toBeUndefined();
});

it('never erases what is in use, and nothing for what does not fit', async () => {
  const { store, keys } = shelf();
  await store.keep(one('used', 1), 1, NONE);
  await store.keep(one('other', 2), 2, NONE);
  const inUse = new Set(['used']);
  expect((await store.keep(one('new', 3), 3, inUse)).gone.map(({ key }) => key)).toEqual(['other']);
  const large = await store.keep(one('large', 4, { bytes: 90 }), 4, inUse);
  expect([large.stored, large.gone]).toEqual(['full', []]);
  expect(await keys()).toEqual(['new', 'used']);
});

it('keeps large arrays, changes what is said, and forgets', async () => {
  const { store, keys } = shelf(1e6);
  const values = new Uint8Array(100_000).fill(7);
  await store.keep(one('a', 1), { changes: [{ values }] }, NONE);
  expect(await store.body('a')).toEqual({ changes: [{ values }] });
  await store.say('a', { usedAt: 9, about: 'b' });
  await store.say('gone', { usedAt: 9 });
  expect(await store.list()).toEqual([one('a', 9, { about: 'b' })]);
  await store.forget(['a']);
  expect(await keys()).toEqual([]);
});

it('says when nothing can be stored', async () => {
  const store = makeResultStore(() => null);
  expect(await store.list()).toBeNull();
  expect(await store.keep(one('a', 1), 1, NONE)).toEqual({ stored: 'failed', gone: [] });
});
