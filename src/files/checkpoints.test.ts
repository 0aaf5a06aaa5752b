// What is kept of long jobs: replaced, bounded in number and age, listed without the bodies, and
// quiet on a full disk.

import { expect, test } from 'vitest';
import { type KeptJob, makeJobShelf } from './checkpoints.ts';
import { memoryStore } from './testing/memoryStore.ts';

const DAY = 24 * 3600 * 1000;

function shelf() {
  const store = memoryStore();
  const clock = { now: 1_000 * DAY };
  const jobs = makeJobShelf(
    () => store.use,
    () => clock.now,
  );
  const job = (key: string, modelKey: string, name = 'score'): KeptJob => ({
    key,
    modelKey,
    job: name,
    savedAt: clock.now,
    about: { key },
  });
  return { store, clock, jobs, job };
}

test('what is kept comes back, body and all, until it is forgotten', async () => {
  const { store, jobs, job } = shelf();
  expect(await jobs.keep(job('a', 'm'), { states: new Uint8Array([1, 2, 3]) })).toBe(true);
  expect(await jobs.list()).toEqual([job('a', 'm')]);
  expect(await jobs.body('a')).toEqual({ states: new Uint8Array([1, 2, 3]) });
  await jobs.keep(job('a', 'm'), { states: new Uint8Array([4]) });
  expect(await jobs.body('a')).toEqual({ states: new Uint8Array([4]) });
  await jobs.forget('a');
  expect(await jobs.list()).toEqual([]);
  expect(await jobs.body('a')).toBeUndefined();
  expect(store.values.size).toBe(0);
});

test('large byte arrays come back unchanged and are stored as Blobs', async () => {
  const { store, jobs, job } = shelf();
  const large = new Uint8Array(80_000).map((_, i) => i % 251);
  const body = {
    line: '0,1',
    pass: { from: 0, windows: [large.subarray(1000, 75_000), large] },
    few: new Uint8Array([1, 2]),
    none: null,
  };
  await jobs.keep(job('a', 'm'), body);
  expect(store.values.get('body a')).toMatchObject({
    pass: { windows: [expect.any(Blob), expect.any(Blob)] },
    few: new Uint8Array([1, 2]),
  });
  expect(await jobs.body('a')).toEqual(body);
});

test('listing reads no body', async () => {
  const { store, jobs, job } = shelf();
  await jobs.keep(job('a', 'm'), new Uint8Array(1e6));
  store.reads.length = 0;
  await jobs.list();
  expect(store.reads).toEqual(['about a']);
});

test('three of a kind per model, the newest; other models and jobs stay', async () => {
  const { clock, jobs, job } = shelf();
  for (const [key, model, name] of [
    ['a', 'm', 'score'],
    ['b', 'm', 'search'],
    ['c', 'n', 'score'],
    ['d', 'm', 'score'],
    ['e', 'm', 'score'],
    ['f', 'm', 'score'],
  ] as const) {
    clock.now += 1;
    await jobs.keep(job(key, model, name), key);
  }
  expect((await jobs.list()).map(({ key }) => key)).toEqual(['f', 'e', 'd', 'c', 'b']);
  expect(await jobs.body('a')).toBeUndefined();
});

test('the oldest go when there are too many, and all of them after a month', async () => {
  const { store, clock, jobs, job } = shelf();
  for (let i = 0; i < 25; i++) {
    clock.now += 1;
    await jobs.keep(job(`k${i}`, `m${i}`), i);
  }
  const kept = (await jobs.list()).map(({ key }) => key);
  expect(kept).toEqual(Array.from({ length: 20 }, (_, i) => `k${24 - i}`));
  expect(store.values.size).toBe(40);
  clock.now += 31 * DAY;
  expect(await jobs.list()).toEqual([]);
  await jobs.keep(job('new', 'm'), 0);
  expect([...store.values.keys()]).toEqual(['about new', 'body new']);
});

test('a full disk keeps what was there, and fails nothing', async () => {
  const { store, jobs, job } = shelf();
  await jobs.keep(job('a', 'm'), 1);
  store.full = true;
  expect(await jobs.keep({ ...job('a', 'm'), savedAt: 7 }, 2)).toBe(false);
  await jobs.forget('a');
  expect(await jobs.body('a')).toBe(1);
});

test('without a working IndexedDB nothing is stored and nothing fails', async () => {
  const broken = () => {
    throw new Error('The operation is insecure.');
  };
  for (const open of [() => null, broken]) {
    const jobs = makeJobShelf(open);
    expect(
      await jobs.keep({ key: 'a', modelKey: 'm', job: 'score', savedAt: 0, about: null }, 1),
    ).toBe(false);
    expect(await jobs.list()).toEqual([]);
    expect(await jobs.body('a')).toBeUndefined();
    await jobs.forget('a');
  }
});

test('records of another form are passed over', async () => {
  const { store, jobs } = shelf();
  store.values.set('about x', { key: 'x' }).set('about y', 'text').set('other', 1);
  expect(await jobs.list()).toEqual([]);
});
