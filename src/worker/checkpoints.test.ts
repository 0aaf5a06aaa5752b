// Whose checkpoint it is: the same model, windows, device and search find it, anything else does
// not; and which notes people see.

import { beforeEach, expect, test } from 'vitest';
import type { HealRequest } from '../contract/heal.ts';
import { TRAIN_DEFAULTS } from '../contract/healDefaults.ts';
import type { ScoreSettings } from '../contract/score.ts';
import { EspalierError } from '../errors.ts';
import { makeJobShelf } from '../files/checkpoints.ts';
import { type MemoryStore, memoryStore } from '../files/testing/memoryStore.ts';
import type { Identity } from '../model/export/identity.ts';
import { Checkpoints, type JobFacts } from './checkpoints.ts';

const MODEL: Identity = { graph: 'model.onnx', graphSha256: 'aa', files: [], weightsSha256: 'bb' };
const SETTINGS: ScoreSettings = {
  text: { kind: 'bundled' },
  samples: 2,
  length: 3,
  sampler: 'even',
  seed: 0,
  bos: null,
  device: 'auto',
};
const WASM = { kind: 'wasm', name: 'CPU (wasm)' } as const;
const FACTS = {
  job: 'score',
  settings: SETTINGS,
  search: null,
  device: WASM,
  windows: [
    [1, 2, 3],
    [4, 5, 6],
  ],
} satisfies JobFacts;

let disk: MemoryStore;
beforeEach(() => {
  disk = memoryStore();
});
const checkpoints = () => new Checkpoints(makeJobShelf(() => disk.use));

/** A run that writes down `done` and then ends as asked. */
async function run(facts: JobFacts, done: number, end: 'finish' | 'fail' = 'fail', model = MODEL) {
  const notes: string[] = [];
  let resumed: unknown = 'not run';
  const ended = await checkpoints()
    .begin(async () => model)(
      facts,
      (text) => notes.push(text),
      async (store, found) => {
        resumed = await store.load();
        expect(resumed).toEqual(found);
        await store.save({ done, total: 120, body: { at: done } });
        if (end === 'fail') throw new EspalierError('device-lost', 'The GPU was lost.');
        await store.clear();
      },
    )
    .catch((error: EspalierError) => error.code);
  return { notes, resumed, ended };
}

test('a run that failed is resumed, and says so; one that ended leaves nothing', async () => {
  expect(await run(FACTS, 40)).toEqual({ notes: [], resumed: null, ended: 'device-lost' });
  expect(await checkpoints().interrupted(async () => MODEL)).toMatchObject([
    { job: 'score', settings: SETTINGS, search: null, device: WASM, done: 40, total: 120 },
  ]);
  const again = await run(FACTS, 80, 'finish');
  expect(again.resumed).toEqual({ done: 40, total: 120, body: { at: 40 } });
  expect(again.notes.join()).toContain('Resumed at 33 %');
  expect(await checkpoints().interrupted(async () => MODEL)).toEqual([]);
  expect(disk.values.size).toBe(0);
});

test('another budget goes on; other windows, device, job, search or model do not', async () => {
  await run(FACTS, 40);
  const others: [JobFacts, Identity][] = [
    [{ ...FACTS, windows: [[1, 2, 3]] }, MODEL],
    [{ ...FACTS, device: { kind: 'webgpu', name: 'a GPU' } }, MODEL],
    [{ ...FACTS, job: 'parts' }, MODEL],
    [
      { ...FACTS, job: 'search', search: { start: [], locked: [0], count: 2, maxPpl: null } },
      MODEL,
    ],
    [FACTS, { ...MODEL, weightsSha256: 'cc' }],
    [FACTS, { ...MODEL, graphSha256: 'cc' }],
  ];
  for (const [facts, model] of others) {
    const loaded = await checkpoints().begin(async () => model)(
      facts,
      () => {},
      (store) => store.load(),
    );
    expect(loaded).toBeNull();
  }
  expect(await checkpoints().interrupted(async () => ({ ...MODEL, weightsSha256: 'cc' }))).toEqual(
    [],
  );
  expect(
    (await run({ ...FACTS, settings: { ...SETTINGS, budgetBytes: 1e6 } }, 80)).resumed,
  ).toMatchObject({ done: 40 });
});

test('another number of threads starts again and says so; at its end no run is left', async () => {
  await run(FACTS, 40);
  const threads = { ...FACTS, device: { kind: 'wasm', name: 'CPU (wasm, 4 threads)' } } as const;
  const again = await run(threads, 80, 'finish');
  expect(again.resumed).toBeNull();
  expect(again.notes.join()).toMatch(
    /run on CPU \(wasm\) is not continued on CPU \(wasm, 4 threads\)/,
  );
  expect(await checkpoints().interrupted(async () => MODEL)).toEqual([]);
});

test('a very long text is stored as its windows, which give the same key', async () => {
  const text = { kind: 'text', name: 'book.txt', text: 'a'.repeat(5e6) } as const;
  await run({ ...FACTS, settings: { ...SETTINGS, text } }, 40);
  const [found] = await checkpoints().interrupted(async () => MODEL);
  const job = found && 'settings' in found ? found : undefined;
  expect(job?.settings.text).toEqual({ kind: 'ids', name: 'book.txt', windows: FACTS.windows });
  expect((await run({ ...FACTS, settings: job?.settings ?? SETTINGS }, 80)).resumed).toMatchObject({
    done: 40,
  });
});

test('what cannot be stored is reported once and stops nothing', async () => {
  disk.full = true;
  const notes: string[] = [];
  const answer = await checkpoints().begin(async () => MODEL)(
    FACTS,
    (text) => notes.push(text),
    async (store) => {
      for (const done of [1, 2, 3]) await store.save({ done, total: 120, body: null });
      await store.clear();
      return 'done';
    },
  );
  expect(answer).toBe('done');
  expect(notes).toHaveLength(1);
  expect(notes[0]).toContain('cannot store');
});

test('a model without an identity is scored, and not read where nothing is stored', async () => {
  let asked = 0;
  const missing = async (): Promise<Identity> => {
    asked++;
    throw new EspalierError('missing-file', 'The file is gone.');
  };
  const work = (store: { load(): Promise<unknown> }) => store.load();
  expect(await checkpoints().begin(missing)(FACTS, () => {}, work)).toBeNull();
  expect(await checkpoints().interrupted(missing)).toEqual([]);
  expect(asked).toBe(0);
  await run(FACTS, 40);
  expect(await checkpoints().begin(missing)(FACTS, () => {}, work)).toBeNull();
});

test('a healing is found by its texts; too long ones are named and must be given again', async () => {
  const text = { kind: 'text', name: 'book.txt', text: 'a'.repeat(5e6) } as const;
  const request: HealRequest = {
    removed: [3],
    data: { text, heldOut: 0.1, foreign: { kind: 'bundled' } },
    methods: [TRAIN_DEFAULTS],
    device: 'auto',
  };
  const facts: JobFacts = { job: 'heal', request, device: WASM };
  await run(facts, 40);
  const [job] = await checkpoints().interrupted(async () => MODEL);
  expect(job).toMatchObject({ job: 'heal', missing: ['book.txt'], done: 40 });
  const other = { ...text, text: `${'a'.repeat(5e6 - 1)}b` };
  const changed = { ...request, data: { ...request.data, text: other } };
  expect((await run({ ...facts, request: changed }, 8)).resumed).toBeNull();
  expect((await run({ ...facts, request: { ...request, budgetBytes: 1 } }, 80)).resumed).toEqual({
    done: 40,
    total: 120,
    body: { at: 40 },
  });
});
