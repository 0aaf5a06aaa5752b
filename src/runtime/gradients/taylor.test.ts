// The Taylor job: streamed and resident alike bit for bit, within the memory that it states,
// cancelled and resumed, and refused where there are no gradients.

import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { MemoryStore } from '../testing/memoryStore.ts';
import { allPrograms, weightBytes } from '../weights/stages.ts';
import { readScoresBody } from './body.ts';
import { measureTaylor, type TaylorJob, taylorMemory } from './taylor.ts';

const NAME = 'optimum-llama-fp32';
const { windows } = golden(NAME);
/** Room for the weights of two blocks and a run of one window. */
const TIGHT = 560e3;

let folder: CountingFolder;
let opened: OpenedModel;
let runs = 0;

beforeAll(async () => {
  folder = await openFolder(fixturePath(NAME));
  opened = await openModel(folder);
});
afterAll(() => folder.close());

/** Counts its runs. */
async function openEngine(onRun: () => void = () => {}): Promise<Engine> {
  const wasm = await openWasm(nodeLoader);
  return Object.create(wasm, {
    run: {
      value: (...args: Parameters<Engine['run']>) => {
        onRun();
        runs += 1;
        return wasm.run(...args);
      },
    },
  });
}

type Options = Partial<Pick<TaylorJob, 'signal' | 'store' | 'onProgress' | 'windows'>> & {
  /** Before a run, with the number of those before it. */
  onRun?(before: number): void;
};

async function taylor(budgetBytes: number | undefined, { onRun, ...options }: Options = {}) {
  const [bytesBefore, runsBefore] = [folder.bytesRead(), runs];
  const engine = await openEngine(() => onRun?.(runs - runsBefore));
  const session = ScoreSession.open(opened, engine, { budgetBytes });
  try {
    const job = { structure: opened.structure, windows, onProgress: () => {}, ...options };
    const found = await session.alone((model) => measureTaylor({ ...model, ...job }));
    return {
      found,
      memory: taylorMemory({ ...session.model, ...job }),
      peak: engine.ledger.peak(),
      bytes: folder.bytesRead() - bytesBefore,
      runs: runs - runsBefore,
    };
  } finally {
    await session.dispose();
    expect(engine.ledger.total()).toBe(0);
    await engine.dispose();
  }
}

describe('within a budget', () => {
  it('streams the weights twice, with the numbers of resident ones bit for bit', async () => {
    // A window in a run, as the tight budget has it.
    const each = await taylor(1.25e6);
    const streamed = await taylor(TIGHT);
    expect(each.memory.streaming).toBe(false);
    expect(streamed.memory.streaming).toBe(true);
    expect(streamed.found).toEqual(each.found);
    const programs = makeScorePrograms(opened, { device: 'wasm' });
    const all = weightBytes(allPrograms(programs), 'wasm');
    expect(each.bytes / all).toBeCloseTo(1, 1);
    expect(streamed.bytes / all).toBeGreaterThan(1.5);
    expect(streamed.bytes / all).toBeLessThan(2.1);
  });

  it.each([undefined, TIGHT])('holds what it states (budget %s)', async (budget) => {
    const { memory, peak } = await taylor(budget);
    const stated = memory.weights + memory.hiddenStates + memory.scratch;
    expect(peak).toBeLessThanOrEqual(stated);
    expect(peak).toBeGreaterThan(0.5 * (memory.weights + memory.hiddenStates));
    expect(memory.total).toBeLessThanOrEqual(budget ?? Number.POSITIVE_INFINITY);
  });

  it('holds what it states where floats of 4-bit integers are fed', async () => {
    const q4 = await openModel(await openFolder(fixturePath('optimum-llama-q4f16')));
    const wasm = await openWasm(nodeLoader);
    const engine: Engine = Object.create(wasm, { feedsNibbles: { value: false } });
    const session = ScoreSession.open(q4, engine, { budgetBytes: 800e3 });
    const job = { structure: q4.structure, windows, onProgress: () => {} };
    await session.alone((model) => measureTaylor({ ...model, ...job }));
    const { weights, hiddenStates, scratch } = taylorMemory({ ...session.model, ...job });
    expect(wasm.ledger.peak()).toBeLessThanOrEqual(weights + hiddenStates + scratch);
    await session.dispose();
    await wasm.dispose();
  });

  it('says what it lacks', async () => {
    await expect(taylor(2e5)).rejects.toThrow(/need .* at once .* but the budget is 200 kB/);
  });
});

test('ended between two runs, it holds nothing', async () => {
  const { runs } = await taylor(TIGHT);
  for (const share of [0.45, 0.6, 0.9]) {
    const abort = new AbortController();
    const ended = taylor(TIGHT, {
      signal: abort.signal,
      onRun: (run) => run >= share * runs && abort.abort(),
    });
    await expect(ended).rejects.toMatchObject({ code: 'cancelled' });
  }
});

test('cancelled in the backward pass, it goes on from there with the same numbers', async () => {
  const whole = await taylor(TIGHT);
  const store = new MemoryStore();
  const abort = new AbortController();
  const seen: number[] = [];
  const cancelled = taylor(TIGHT, {
    signal: abort.signal,
    store,
    onProgress({ phase, done, total }) {
      if (phase !== 'score') return;
      seen.push(done / total);
      // Of five blocks, the backward pass is through with the last three.
      if (done / total > 0.6) abort.abort();
    },
  });
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(store.stored?.done).toBeGreaterThan(0);
  const rest = await taylor(TIGHT, { store });
  expect(rest.found).toEqual(whole.found);
  expect(rest.runs).toBeLessThan(0.7 * whole.runs);
  expect(store.stored).toBeNull();
});

test('a body of other windows or of another form is passed over', async () => {
  const store = new MemoryStore();
  store.stored = { done: 1, total: 2, body: { chunks: 'other' } };
  const whole = await taylor(undefined);
  expect((await taylor(undefined, { store })).found).toEqual(whole.found);
  const shape = { blocks: [], stateSize: 4 };
  for (const body of [null, 1, {}, { chunks: '', loss: 'x' }])
    expect(readScoresBody(body, [], shape)).toBeNull();
});

test('an operator without a gradient is named with its block, before anything runs', async () => {
  const engine = await openEngine();
  const session = ScoreSession.open(opened, engine);
  const before = runs;
  const asked = session.alone(({ programs, ...model }) =>
    measureTaylor({
      ...model,
      programs: { ...programs, blocks: programs.blocks.map(withHardmax) },
      structure: opened.structure,
      windows,
      onProgress: () => {},
    }),
  );
  await expect(asked).rejects.toMatchObject({ code: 'unsupported-op' });
  await expect(asked).rejects.toThrow(/gradient of block 0 .* Hardmax/);
  expect(runs).toBe(before);
  await session.dispose();
  await engine.dispose();
});

/** The same block with an operator that has no gradient in place of its softmax. */
function withHardmax(bound: BoundProgram): BoundProgram {
  const bytes = bound.program.bytes.slice();
  const text = new TextDecoder('latin1').decode(bytes);
  const operator = '"\x07Softmax';
  for (let at = text.indexOf(operator); at >= 0; at = text.indexOf(operator, at + 1))
    bytes.set(new TextEncoder().encode('Hardmax'), at + 2);
  return { ...bound, program: { ...bound.program, bytes } };
}

test('int8 products are differentiated as float ones, which is said', async () => {
  const int8 = await openModel(await openFolder(fixturePath('optimum-llama-int8')));
  const engine = await openEngine();
  const session = ScoreSession.open(int8, engine);
  const job = { structure: int8.structure, windows, onProgress: () => {} };
  const found = await session.alone((model) => measureTaylor({ ...model, ...job }));
  expect(found.notes).toEqual(['int8 products are computed in float']);
  const { fixtures } = golden<{ fixtures: Record<string, { taylor: number[] }> }>('taylor');
  const floats = fixtures[NAME]!.taylor;
  expect(found.linear.block).toHaveLength(floats.length);
  for (const [block, score] of found.linear.block.entries())
    expect(Math.abs(score / floats[block]! - 1)).toBeLessThan(0.01);
  await session.dispose();
  await engine.dispose();
});
