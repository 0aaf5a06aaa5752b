// The shelf of kept results: bounded by models and bytes, oldest use first; a disk that is full or
// missing is said.

import { expect, it } from 'vitest';
import { makeKeptShelf } from './keptStudies.ts';
import { memoryStore } from './testing/memoryStore.ts';

const about = (usedAt: number) => ({
  name: 'm',
  graph: 'g',
  looks: '',
  savedAt: usedAt,
  usedAt,
  app: '1',
  counts: {},
});

it('keeps the 20 models used last', async () => {
  const shelf = makeKeptShelf(() => memory.use);
  const memory = memoryStore();
  for (let i = 0; i < 20; i++) await shelf.update(`m${i}`, () => ({ about: about(i), body: i }));
  await shelf.touch('m0', 100);
  await shelf.update('new', () => ({ about: about(50), body: 'x' }));
  const keys = (await shelf.list())!.map(({ key }) => key);
  expect(keys).toHaveLength(20);
  expect(keys.slice(0, 2)).toEqual(['m0', 'new']);
  expect(keys).not.toContain('m1');
  expect(await shelf.read('m1')).toBeUndefined();
});

it('keeps at most 50 MB, and always what was written last', async () => {
  const memory = memoryStore();
  const shelf = makeKeptShelf(() => memory.use);
  const body = new Uint8Array(20e6);
  for (let i = 0; i < 4; i++) await shelf.update(`m${i}`, () => ({ about: about(10 - i), body }));
  expect((await shelf.list())!.map(({ key }) => key)).toEqual(['m0', 'm3']);
});

it('gives what is stored to whoever replaces it, and forgets on null', async () => {
  const memory = memoryStore();
  const shelf = makeKeptShelf(() => memory.use);
  await shelf.update('m', () => ({ about: about(1), body: new Map([['a', 1]]) }));
  await shelf.update('m', (stored) => {
    expect(stored).toEqual(new Map([['a', 1]]));
    return null;
  });
  expect(memory.values.size).toBe(0);
});

it('says when the disk is full or there is none, and never throws', async () => {
  const memory = memoryStore();
  memory.full = true;
  const shelf = makeKeptShelf(() => memory.use);
  expect(await shelf.update('m', () => ({ about: about(1), body: 1 }))).toBe('full');
  const none = makeKeptShelf(() => null);
  expect(await none.update('m', () => null)).toBe('failed');
  expect([await none.list(), await none.read('m'), await none.eraseAll()]).toEqual([
    null,
    undefined,
    false,
  ]);
});
