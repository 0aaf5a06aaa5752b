// Jobs that are interrupted and resumed in a new session: the same numbers bit for bit, less work,
// and bodies that do not fit are ignored.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ScoreEvent, SublayersEvent } from '../../contract/score.ts';
import { EspalierError } from '../../errors.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { type Curve, ScoreSession, type SublayersCurve } from '../score/session.ts';
import { allPrograms, weightBytes } from '../weights/stages.ts';
import { readLeaveOutBody, storedBody } from './body.ts';
import type { Checkpoint, CheckpointStore } from './checkpoint.ts';
import { CheckpointWriter } from './writer.ts';

const long = golden<SampleGolden>('sample').windows.slice(0, 2);
const windows = golden<SampleGolden>('sample')
  .windows.slice(0, 3)
  .map((window) => window.slice(0, 16));

let folder: CountingFolder;
let opened: OpenedModel;
let weights: number;
let engine: Engine;
let runs = 0;

beforeAll(async () => {
  folder = await openFolder(samplePath());
  opened = await openModel(folder, 'onnx/model.onnx');
  const plain = await openWasm(nodeLoader);
  engine = Object.create(plain, {
    run: {
      value: (...args: Parameters<Engine['run']>) => {
        runs += 1;
        return plain.run(...args);
      },
    },
  });
  weights = weightBytes(allPrograms(ScoreSession.open(opened, engine).programs), 'wasm');
});
afterAll(async () => {
  await engine.dispose();
  await folder.close();
});

/** A store as IndexedDB is one: what comes out is a copy. */
class MemoryStore implements CheckpointStore {
  stored: Checkpoint | null = null;
  saves = 0;
  async load(): Promise<Checkpoint | null> {
    return structuredClone(this.stored);
  }
  async save(checkpoint: Checkpoint): Promise<void> {
    this.saves += 1;
    this.stored = structuredClone(checkpoint);
  }
  async clear(): Promise<void> {
    this.stored = null;
  }
}

type Told = { type: string };

/**
 * Runs `work` in a session of its own, which is disposed of afterwards; `stopAt` block evaluations
 * later it is cancelled.
 */
async function inSession<T>(
  budgetBytes: number | undefined,
  stopAt: number,
  work: (
    session: ScoreSession,
    signal: AbortSignal,
    onEvent: (event: ScoreEvent | SublayersEvent) => void,
  ) => Promise<T>,
): Promise<{ result: T | null; events: Told[]; runs: number; bytes: number }> {
  const session = ScoreSession.open(opened, engine, { budgetBytes });
  const abort = new AbortController();
  const events: Told[] = [];
  const [runsBefore, bytesBefore] = [runs, folder.bytesRead()];
  let seen = 0;
  const onEvent = (event: ScoreEvent | SublayersEvent): void => {
    events.push(event);
    if (event.type === 'progress' && event.progress.phase === 'score' && ++seen === stopAt)
      abort.abort();
  };
  try {
    const result = await work(session, abort.signal, onEvent).catch((error: unknown) => {
      if (error instanceof EspalierError && error.code === 'cancelled') return null;
      throw error;
    });
    return { result, events, runs: runs - runsBefore, bytes: folder.bytesRead() - bytesBefore };
  } finally {
    await session.dispose();
    expect(engine.ledger.total()).toBe(0);
  }
}

const bitwise = ({ baseline, blocks, order, hidden }: Curve) => ({
  baseline,
  blocks,
  order,
  hidden,
});

describe.each([
  ['resident', undefined, windows, 136],
  ['streamed', 3.4 * 2 ** 20, windows, 136],
  [
    'streamed in groups of one window, without room for all blocks at a time:',
    3.4 * 2 ** 20,
    long,
    302,
  ],
] as const)('%s scoring', (_, budget, rows, all) => {
  const score =
    (store?: CheckpointStore) =>
    (
      session: ScoreSession,
      signal: AbortSignal,
      onEvent: (event: ScoreEvent | SublayersEvent) => void,
    ): Promise<Curve> =>
      session.score(rows, signal, onEvent, store);
  let whole: Awaited<ReturnType<typeof inSession<Curve>>>;
  beforeAll(async () => {
    whole = await inSession(budget, 0, score());
    expect(whole.result?.hidden?.blockInfluence.length).toBe(16);
    const last = whole.events.findLast(({ type }) => type === 'progress') as Extract<
      ScoreEvent,
      { type: 'progress' }
    >;
    expect(last.progress).toMatchObject({ done: all, total: all });
  });

  test.each(rows === long ? [40, 130, 260] : [1, 17, 100, 130])(
    'cancelled after %i block evaluations',
    async (stopAt) => {
      const store = new MemoryStore();
      const first = await inSession(budget, stopAt, score(store));
      expect(first.result).toBeNull();
      const stored = store.stored;
      if (stored) expect(stored.done).toBeLessThanOrEqual(stopAt);
      const second = await inSession(budget, 0, score(store));
      expect(second.result && bitwise(second.result)).toEqual(
        whole.result && bitwise(whole.result),
      );
      expect(store.stored).toBeNull();
      expect(
        second.events.filter(({ type }) => type !== 'progress').map(({ type }) => type),
      ).toEqual(['baseline', ...new Array<string>(16).fill('block')]);
      if (budget) {
        expect(stored?.done).toBeGreaterThanOrEqual(stopAt - 1);
        expect(whole.runs - second.runs).toBeGreaterThan(0.9 * stopAt - 3);
      }
      if (stopAt === 100 && rows === windows) {
        // Blocks 0 to 12 are not read again, apart from block 0, on which rows are timed.
        if (budget) expect(second.bytes / whole.bytes).toBeLessThan(0.5);
        else expect(whole.runs - second.runs).toBeGreaterThan(60);
      }
    },
  );

  test('interrupted again and again, it comes to its end', async () => {
    const store = new MemoryStore();
    let turns = 0;
    for (;;) {
      const { result } = await inSession(budget, rows === long ? 150 : 60, score(store));
      turns += 1;
      if (!result) continue;
      expect(bitwise(result)).toEqual(whole.result && bitwise(whole.result));
      break;
    }
    expect(turns).toBeGreaterThan(1);
    expect(turns).toBeLessThan(all / 30);
  });
});

test.each([
  ['resident', undefined],
  ['streamed, the candidates in three passes,', 3.4 * 2 ** 20],
] as const)('%s sublayer scores are resumed', async (_, budget) => {
  const score =
    (store?: CheckpointStore) =>
    (
      session: ScoreSession,
      signal: AbortSignal,
      onEvent: (event: ScoreEvent | SublayersEvent) => void,
    ): Promise<SublayersCurve> =>
      session.scoreSublayers(windows, signal, onEvent, store);
  const whole = await inSession(budget, 0, score());
  for (const stopAt of [30, 200]) {
    const store = new MemoryStore();
    expect((await inSession(budget, stopAt, score(store))).result).toBeNull();
    const second = await inSession(budget, 0, score(store));
    expect(second.result?.parts).toEqual(whole.result?.parts);
    expect(second.result?.order).toEqual(whole.result?.order);
    expect(second.events.filter(({ type }) => type !== 'progress').map(({ type }) => type)).toEqual(
      ['baseline', ...new Array<string>(32).fill('part')],
    );
    if (stopAt === 200) expect(whole.runs - second.runs).toBeGreaterThan(140);
    expect(store.stored).toBeNull();
  }
});

test('a checkpoint of another residency, or of other groups of windows, still serves', async () => {
  const store = new MemoryStore();
  const whole = await inSession(undefined, 0, (session) =>
    session.score(windows, undefined, () => {}),
  );
  await inSession(weights / 4, 90, (session, signal, onEvent) =>
    session.score(windows, signal, onEvent, store),
  );
  const resident = await inSession(undefined, 30, (session, signal, onEvent) =>
    session.score(windows, signal, onEvent, store),
  );
  expect(resident.result).toBeNull();
  const last = await inSession(3.19 * 2 ** 20, 0, (session, signal, onEvent) =>
    session.score(windows, signal, onEvent, store),
  );
  expect(last.result?.blocks).toEqual(whole.result?.blocks);
});

const LINE = Array.from({ length: 16 }, (_, k) => k);
const RIGHT = {
  line: LINE.join(),
  results: [{ variant: 3, nll: [1, 2, 3] }],
  pass: null,
  hidden: null,
};
const CUT_OFF = { at: 4, windows: [new Uint8Array(8), new Uint8Array(8), new Uint8Array(8)] };

test.each([
  ['nothing', null],
  ['another sequence', { ...RIGHT, line: '0,1,2' }],
  ['no results', { ...RIGHT, results: undefined }],
  ['an unknown unit', { ...RIGHT, results: [{ variant: '3.x', nll: [1, 2, 3] }] }],
  ['windows that are missing', { ...RIGHT, results: [{ variant: 3, nll: [1] }] }],
  [
    'states that are cut off',
    { ...RIGHT, pass: { from: 0, count: 3, front: 4, intact: [CUT_OFF], streams: [] } },
  ],
])('a body with %s is ignored', (_, body) => {
  const shape = { sequence: LINE, windowBytes: [64, 64, 64] };
  const read = readLeaveOutBody(RIGHT, shape);
  expect(read && storedBody(read, LINE)).toEqual(RIGHT);
  expect(readLeaveOutBody(body, shape)).toBeNull();
});

test('with a body that is ignored the job begins anew', async () => {
  const store = new MemoryStore();
  store.stored = { done: 10, total: 136, body: { ...RIGHT, line: '0,1,2' } };
  const { runs: own, result } = await inSession(weights / 4, 0, (session, signal, onEvent) =>
    session.score(windows, signal, onEvent, store),
  );
  expect(result?.blocks.length).toBe(16);
  expect(own).toBeGreaterThan(136);
  expect(store.stored).toBeNull();
});

test('a store that fails costs nothing but the checkpoint', async () => {
  const broken: CheckpointStore = {
    load: () => Promise.reject(new Error('no')),
    save: () => Promise.reject(new Error('no')),
    clear: () => Promise.reject(new Error('no')),
  };
  const { result } = await inSession(undefined, 0, (session, signal, onEvent) =>
    session.score(windows, signal, onEvent, broken),
  );
  expect(result?.blocks.length).toBe(16);
});

describe('the writer', () => {
  const checkpoint = async (): Promise<Checkpoint> => ({ done: 1, total: 2, body: null });
  test('writes after five seconds, then as seldom as its cost asks for', async () => {
    let now = 0;
    const store = new MemoryStore();
    const slow: CheckpointStore = {
      ...store,
      load: () => store.load(),
      clear: () => store.clear(),
      save: async (one) => {
        await store.save(one);
        now += 400;
      },
    };
    const writer = new CheckpointWriter(slow, () => now);
    const at: number[] = [];
    for (; now < 60_000; now += 100) {
      const before = store.saves;
      await writer.offer(checkpoint);
      if (store.saves > before) at.push(Math.round((now - 400) / 1000));
    }
    expect(at).toEqual([5, 25, 46]);
  });
  test('writes a finished step unless the last writing was a moment ago', async () => {
    let now = 0;
    const store = new MemoryStore();
    const writer = new CheckpointWriter(store, () => now);
    const at: number[] = [];
    for (; now < 12_000; now += 400) {
      const before = store.saves;
      await writer.offerStep(checkpoint);
      await writer.offer(checkpoint);
      if (store.saves > before) at.push(now);
    }
    expect(at).toEqual([1200, 2400, 3600, 4800, 6000, 7200, 8400, 9600, 10_800]);
  });
  test('writes at the end, but not from a lost device, and quickly when cancelled', async () => {
    let now = 0;
    const store = new MemoryStore();
    const writer = new CheckpointWriter(store, () => now);
    await writer.last(new EspalierError('device-lost', 'x'), checkpoint);
    expect(store.saves).toBe(0);
    await writer.last(new EspalierError('cancelled', 'x'), checkpoint);
    expect(store.saves).toBe(1);
    await writer.last(new EspalierError('missing-file', 'x'), async () => {
      now += 5000;
      return checkpoint();
    });
    expect(store.saves).toBe(2);
    await writer.last(new EspalierError('cancelled', 'x'), checkpoint);
    expect(store.saves).toBe(2);
  });
});
