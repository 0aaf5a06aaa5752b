// Models larger than the budget: the same numbers, every byte read once per pass, memory as stated,
// and an immediate end when cancelled.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultBudget } from '../../memoryBudget.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { openModel } from '../../model/open/open.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { golden, type SampleGolden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { Chain } from '../pass/chain.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import { type Curve, ScoreSession } from '../score/session.ts';
import { planMemory } from './memory.ts';
import { allPrograms, weightBytes } from './stages.ts';

const { windows } = golden<SampleGolden>('sample');
const short = windows.slice(0, 3).map((window) => window.slice(0, 16));

let folder: CountingFolder;
let opened: OpenedModel;
let weights: number;
let engine: Engine;

beforeAll(async () => {
  folder = await openFolder(samplePath());
  opened = await openModel(folder, 'onnx/model.onnx');
  engine = await openWasm(nodeLoader);
  weights = weightBytes(allPrograms(ScoreSession.open(opened, engine).programs), 'wasm');
});
afterAll(async () => {
  await engine.dispose();
  await folder.close();
});

/** Runs with an engine of its own, whose ledger starts at zero. */
async function withSession<T>(
  budgetBytes: number | undefined,
  use: (session: ScoreSession, engine: Engine) => Promise<T>,
): Promise<T> {
  const own = await openWasm(nodeLoader);
  const session = ScoreSession.open(opened, own, { budgetBytes });
  try {
    return await use(session, own);
  } finally {
    await session.dispose();
    expect(own.ledger.total()).toBe(0);
    await own.dispose();
  }
}

const rowsOf = (curve: Curve): number[][] => [
  curve.baseline.nllPerWindow,
  ...curve.blocks.map((block) => block.nllPerWindow),
];
const score = (session: ScoreSession, rows: readonly number[][]): Promise<Curve> =>
  session.score(rows, undefined, () => {});

describe('a budget of a quarter of the weights', () => {
  test('gives the NLLs of resident weights, reads each byte once, in its budget', async () => {
    const resident = await withSession(undefined, (session) => score(session, short));
    await withSession(weights / 4, async (session, own) => {
      const stated = session.memory(short.length, 16);
      expect(stated).toMatchObject({ streaming: true, bytesRead: weights });
      expect(stated.total).toBeLessThanOrEqual(weights / 4);
      const before = folder.bytesRead();
      const curve = await score(session, short);
      expect((folder.bytesRead() - before) / weights).toBeCloseTo(1, 2);
      expect(rowsOf(curve)).toEqual(rowsOf(resident));
      expect(curve.order).toEqual(resident.order);
      expect(own.ledger.peak('weights') / stated.weights).toBeGreaterThan(0.8);
      expect(own.ledger.peak('weights')).toBeLessThanOrEqual(stated.weights);
      expect(own.ledger.peak('hidden') / stated.hiddenStates).toBeGreaterThan(0.8);
      expect(own.ledger.peak('hidden') / stated.hiddenStates).toBeLessThan(1.2);
    });
  });

  test('measures a plan with one read of what is left, all windows together', async () => {
    const resident = await withSession(undefined, async (session) => {
      await session.useWindows(short);
      return session.plan([2, 3, 9]);
    });
    await withSession(weights / 4, async (session) => {
      await session.useWindows(short);
      const before = folder.bytesRead();
      const streamed = await session.plan([2, 3, 9]);
      expect(streamed.nllPerWindow).toEqual(resident.nllPerWindow);
      // Every block has the same size; the table of 1 MiB serves embedding and head.
      const table = 2048 * 128 * 4;
      const streamedBytes = table + ((weights - table) * 13) / 16;
      expect((folder.bytesRead() - before) / streamedBytes).toBeCloseTo(1, 1);
      expect(folder.bytesRead() - before).toBeLessThan(weights);
    });
  });

  test('windows, ablations and head positions in groups give the same NLLs', async () => {
    const two = windows.slice(0, 2);
    const resident = await withSession(undefined, (session) => score(session, two));
    const budget = 3.4 * 2 ** 20;
    await withSession(budget, async (session) => {
      const plan = planMemory(
        session.programs,
        { windows: 2, length: 128 },
        session.engine,
        budget,
      );
      expect(plan).toMatchObject({ resident: false, group: 1 });
      expect(plan.ablations).toBeLessThan(16);
      expect(plan.rows.headTokens).toBeLessThan(127);
      const seen: number[] = [];
      const curve = await session.score(two, undefined, (event) => {
        if (event.type === 'progress' && event.progress.phase === 'score')
          seen.push(event.progress.done / event.progress.total);
      });
      for (const [k, row] of rowsOf(curve).entries())
        for (const [w, value] of row.entries())
          expect(Math.abs(value - (rowsOf(resident)[k]?.[w] ?? Number.NaN))).toBeLessThan(1e-6);
      expect(curve.order).toEqual(resident.order);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(seen.at(-1)).toBe(1);
    });
  });

  test('a session that needs the weights once streams them although they fit', async () => {
    const own = await openWasm(nodeLoader);
    const once = ScoreSession.open(opened, own, { streamed: true });
    const [first = []] = short;
    const streamed = await once.nllPerToken([], first);
    expect(own.ledger.peak('weights')).toBeLessThan(weights / 3);
    await once.dispose();
    await own.dispose();
    await withSession(undefined, async (session) =>
      expect(await session.nllPerToken([], first)).toEqual(streamed),
    );
  });

  test('reads the next stage while one runs', async () => {
    const own = await openWasm(nodeLoader);
    const chain = new Chain(ScoreSession.open(opened, own).programs, folder, own);
    const loader = new StageLoader(chain, { resident: false, prefetch: true });
    await loader.visit('embed', 0);
    const afterEmbed = own.ledger.bytes('weights');
    expect(await loader.arrived(undefined)).toBe(true);
    const read = folder.bytesRead();
    await loader.visit(0, 1);
    expect(folder.bytesRead()).toBe(read);
    expect(await loader.arrived(undefined)).toBe(true);
    expect(folder.bytesRead()).toBeGreaterThan(read);
    // Plans jump over blocks: what was read ahead in vain goes.
    await loader.visit(5, null);
    expect(await loader.arrived(undefined)).toBe(false);
    expect(own.ledger.bytes('weights')).toBeLessThanOrEqual(afterEmbed);
    await loader.dispose();
    expect(own.ledger.total()).toBe(0);
    await own.dispose();
  });

  test('another budget takes effect with the next score', async () => {
    await withSession(undefined, async (session, own) => {
      const first = await score(session, short);
      expect(own.ledger.bytes('weights')).toBe(weights);
      await session.setBudget(weights / 4);
      const second = await score(session, short);
      expect(own.ledger.bytes('weights')).toBeLessThan(weights / 4);
      expect(rowsOf(second)).toEqual(rowsOf(first));
      await session.setBudget(undefined);
      expect(rowsOf(await score(session, short))).toEqual(rowsOf(first));
      expect(own.ledger.bytes('weights')).toBe(weights);
    });
  });
});

test('a budget that cannot hold one stage is refused with numbers', async () => {
  await withSession(2 ** 20, async (session) => {
    const refused = score(session, short);
    await expect(refused).rejects.toMatchObject({
      code: 'too-large',
      hint: expect.stringContaining('budget'),
    });
    await expect(score(session, short)).rejects.toThrow(
      /needs 2\.\d+ MB at once .* but the budget is 1\.0 MB/,
    );
    expect(session.memory(3, 16).obstacle).toContain('1.0 MB');
  });
});

test('cancel ends a read that hangs, and the session works afterwards', async () => {
  const abort = new AbortController();
  let hanging = false;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const folder = {
    ...opened.folder,
    open: (path: string) => {
      const source = opened.folder.open(path);
      return (
        source && {
          size: source.size,
          async read(offset: number, n: number) {
            if (hanging) {
              // Cancelled while the read is under way, which ends only after the job has.
              setTimeout(() => abort.abort());
              await released;
            }
            return source.read(offset, n);
          },
        }
      );
    },
  };
  const own = await openWasm(nodeLoader);
  const session = ScoreSession.open({ ...opened, folder }, own, { budgetBytes: weights / 4 });
  const running = session.score(short, abort.signal, (event) => {
    if (event.type === 'progress' && event.progress.phase === 'score')
      hanging ||= event.progress.done === 10;
  });
  await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  expect(hanging).toBe(true);
  hanging = false;
  release();
  expect((await session.plan([4])).nllPerWindow.length).toBe(3);
  await session.dispose();
  expect(own.ledger.total()).toBe(0);
  await own.dispose();
});

describe('the memory plan', () => {
  const programs = (vocabSize: number, hiddenSize: number) => ({
    ...ScoreSession.open(opened, engine).programs,
    vocabSize,
    hiddenSize,
  });
  const device = { kind: 'webgpu', maxBufferBytes: 2 ** 31 } as const;

  test('never gives 128k words more than 400 MiB of logits, whatever the windows', () => {
    for (const [count, length] of [
      [10, 128],
      [10, 2048],
      [1, 32768],
    ] as const) {
      const { bytes, rows, obstacle } = planMemory(
        programs(128_256, 2048),
        { windows: count, length },
        device,
        16 * 2 ** 30,
      );
      expect(obstacle).toBeNull();
      expect(bytes.logits).toBeLessThan(400 * 2 ** 20);
      expect((rows.headTokens ?? rows.head * (length - 1)) * 128_256 * 4).toBeLessThan(
        device.maxBufferBytes,
      );
    }
  });

  test('keeps a model of 4.4 GiB on a GPU with buffers of 2 GiB, its states for plans too', () => {
    const own = programs(151_936, 3584);
    const { blocks } = own;
    // 28 blocks of 145 MiB and tables of 180 MiB: 7 B parameters in 4 bits.
    const sized = (bound: (typeof blocks)[number], mib: number, key: string) => ({
      ...bound,
      weights: new Map([
        [
          key,
          {
            name: key,
            type: 'uint8',
            dims: [],
            byteLength: mib * 2 ** 20,
            data: { file: key, offset: 0, length: mib * 2 ** 20 },
          } as const,
        ],
      ]),
    });
    const large = {
      ...own,
      side: null,
      embed: sized(own.embed, 180, 'embed'),
      head: sized(own.head, 260, 'head'),
      blocks: Array.from({ length: 28 }, (_, k) =>
        sized(blocks[0] ?? own.embed, 145, `block ${k}`),
      ),
    };
    const shape = { windows: 10, length: 128 };
    const plan = planMemory(large, shape, device, defaultBudget('webgpu', device.maxBufferBytes));
    expect(plan).toMatchObject({ resident: true, group: 10, keepOriginal: true, obstacle: null });
    // Little more than the weights: smaller runs, not a stream.
    const tight = 4.65 * 2 ** 30;
    const close = planMemory(large, shape, device, tight);
    expect(close).toMatchObject({ resident: true, obstacle: null });
    expect(Object.values(close.bytes).reduce((a, b) => a + b)).toBeLessThanOrEqual(tight);
    expect(planMemory(large, shape, device, 3 * 2 ** 30)).toMatchObject({
      resident: false,
      group: 10,
      obstacle: null,
    });
  });

  test('keeps to small buffers', () => {
    const { rows } = planMemory(
      programs(128_256, 2048),
      { windows: 4, length: 1024 },
      { kind: 'webgpu', maxBufferBytes: 2 ** 26 },
      2 ** 33,
    );
    expect(rows.block * 1024 * 2048 * 4).toBeLessThanOrEqual(2 ** 26);
    expect((rows.headTokens ?? Number.NaN) * 128_256 * 4).toBeLessThanOrEqual(2 ** 26);
  });

  test('names a weight that no buffer of the device can hold', () => {
    const { obstacle } = planMemory(
      ScoreSession.open(opened, engine).programs,
      { windows: 1, length: 16 },
      { ...device, maxBufferBytes: 2 ** 19 },
      2 ** 33,
    );
    expect(obstacle).toMatchObject({
      code: 'too-large',
      message: expect.stringMatching(/weight .* is 1\.0 MB, .* at most 524 kB/),
    });
  });

  test('float32 tables of 256,000 words fit the CPU, not a GPU with 2 GiB buffers', () => {
    const own = programs(256_000, 2304);
    const bytes = 256_000 * 2304 * 4;
    const table = {
      name: 'table',
      type: 'float32',
      dims: [256_000, 2304],
      byteLength: bytes,
      data: { file: 'x', offset: 0, length: bytes },
    } as const;
    const wide = { ...own, embed: { ...own.embed, weights: new Map([['table', table]]) } };
    const obstacle = (kind: 'wasm' | 'webgpu') =>
      planMemory(wide, { windows: 1, length: 16 }, { kind, maxBufferBytes: 2 ** 31 - 1 }, 2 ** 34)
        .obstacle;
    expect(obstacle('wasm')).toBeNull();
    expect(obstacle('webgpu')).toMatchObject({ code: 'too-large' });
  });

  test('is held to the budget as long as anything fits', () => {
    for (const budget of [3.2e6, 4e6, 6e6, 12e6, 24e6, 48e6, 96e6]) {
      const session = ScoreSession.open(opened, engine);
      const { total, obstacle } = session.memory(10, 128, budget);
      if (!obstacle) expect(total).toBeLessThanOrEqual(budget);
    }
  });
});
