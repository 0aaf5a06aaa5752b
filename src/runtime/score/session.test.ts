// The curve and plans of the sample and of fixtures against PyTorch goldens, on the real wasm build
// of ONNX Runtime Web; curves on native ONNX Runtime too.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ScoreEvent } from '../../contract/score.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { outOfMemory } from '../device/fault.ts';
import type { Purpose } from '../device/ledger.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { CPU_KINDS, openCpu } from '../testing/cpuDevices.ts';
import { ScoreSession } from './session.ts';

/** What the sample's golden file holds of interest here; made by tools/sample_golden.py. */
interface SampleGolden {
  windows: number[][];
  baseline_nll_per_sample: number[];
  loo_nll_per_sample: number[][];
  ppl_order: number[];
  oneshot: Record<string, number>;
  generation: { removed: number[]; removedUnits: string[]; nll: number }[];
}

let engine: Engine;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, k) => Math.abs(value - (b[k] ?? Number.NaN))));
}

describe('the sample', () => {
  const expected = golden<SampleGolden>('sample');
  const events: ScoreEvent[] = [];
  let opened: OpenedModel;
  let session: ScoreSession;
  beforeAll(async () => {
    opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
    session = ScoreSession.open(opened, engine);
  });

  test('curve equals the goldens within 1e-4 for every window, in the same order', async () => {
    const curve = await session.score(expected.windows, undefined, (event) => events.push(event));
    expect(
      largestDifference(curve.baseline.nllPerWindow, expected.baseline_nll_per_sample),
    ).toBeLessThan(1e-4);
    for (const block of curve.blocks)
      expect(
        largestDifference(block.nllPerWindow, expected.loo_nll_per_sample[block.index] ?? []),
      ).toBeLessThan(1e-4);
    expect(curve.order).toEqual(expected.ppl_order);
    expect(curve.costRatio).toBeGreaterThan(0);
  });

  test('the baseline comes first and the curve grows point by point', () => {
    const kinds = events.filter((event) => event.type !== 'progress').map((event) => event.type);
    expect(kinds).toEqual(['baseline', ...Array<string>(16).fill('block')]);
    const atBaseline = events.findIndex((event) => event.type === 'baseline');
    const before = events
      .slice(0, atBaseline)
      .filter((event) => event.type === 'progress' && event.progress.phase === 'score');
    expect(before.length).toBe(16);
    const progress = events.flatMap((event) =>
      event.type === 'progress' && event.progress.phase === 'score' ? [event.progress] : [],
    );
    expect(progress.at(-1)).toMatchObject({ done: 136, total: 136, unit: 'blocks' });
  });

  test('memory that was stated is the memory that was taken', () => {
    const estimate = session.memory(10, 128);
    expect(engine.ledger.peak('weights') / estimate.weights).toBeGreaterThan(0.8);
    expect(engine.ledger.peak('weights') / estimate.weights).toBeLessThan(1.2);
    expect(engine.ledger.peak('hidden') / estimate.hiddenStates).toBeGreaterThan(0.8);
    expect(engine.ledger.peak('hidden') / estimate.hiddenStates).toBeLessThan(1.2);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('one-shot plan of %i blocks', async (k) => {
    const plan = await session.plan(expected.ppl_order.slice(0, k));
    expect(Math.abs(plan.nll - Math.log(expected.oneshot[k] ?? Number.NaN))).toBeLessThan(1e-4);
  });

  test('plans in any order, with stored states of other plans', async () => {
    for (const { removed, removedUnits, nll } of expected.generation) {
      if (removedUnits.length > 0) continue;
      expect(Math.abs((await session.plan(removed)).nll - nll)).toBeLessThan(1e-4);
    }
  });

  test('per-token values average to the window value', async () => {
    const values = await session.nllPerToken([], expected.windows[0] ?? []);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(values.length).toBe(127);
    expect(mean).toBeCloseTo(expected.baseline_nll_per_sample[0] ?? Number.NaN, 4);
  });

  test('cancel acts between runs and leaves a session that can score again', async () => {
    const abort = new AbortController();
    const runs: number[] = [];
    const running = session.score(expected.windows.slice(0, 4), abort.signal, (event) => {
      if (event.type !== 'progress' || event.progress.phase !== 'score') return;
      runs.push(event.progress.done);
      if (event.progress.done === 5) abort.abort();
    });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(runs.at(-1)).toBe(5);
    const plan = await session.plan([7, 9]);
    expect(plan.nllPerWindow.length).toBe(4);
    const own = await session.plan([]);
    expect(
      largestDifference(own.nllPerWindow, expected.baseline_nll_per_sample.slice(0, 4)),
    ).toBeLessThan(1e-4);
  });

  test('a plan of all blocks, an unknown block and a bad window are refused in words', async () => {
    await expect(session.plan(Array.from({ length: 16 }, (_, k) => k))).rejects.toMatchObject({
      code: 'bad-input',
    });
    await expect(session.plan([16])).rejects.toThrow(/no block 16/);
    await expect(session.score([[1]], undefined, () => {})).rejects.toThrow(/at least 2/);
    await expect(session.score([[1, 2048]], undefined, () => {})).rejects.toThrow(/2048.*2047/);
  });

  test('dispose leaves nothing behind', async () => {
    await session.dispose();
    expect(engine.ledger.total()).toBe(0);
  });

  test('a restored curve: plans without a score start where the last one agrees', async () => {
    const fresh = ScoreSession.open(opened, engine);
    const windows = expected.windows.slice(0, 2);
    await fresh.useWindows(windows);
    const runs = async (removed: number[]): Promise<number> => {
      let total = 0;
      const plan = await fresh.plan(removed, undefined, (progress) => {
        if (progress.phase === 'score') total = progress.total;
      });
      const alone = await Promise.all(windows.map((window) => fresh.nllPerToken(removed, window)));
      const means = alone.map((row) => row.reduce((sum, value) => sum + value, 0) / row.length);
      expect(largestDifference(plan.nllPerWindow, means)).toBeLessThan(1e-5);
      return total;
    };
    expect(await runs([7])).toBe(15); // the embedding and every block but one
    expect(await runs([7, 12])).toBe(3); // 13, 14, 15 after the state that both plans share
    expect(await runs([9])).toBe(6 + 2); // from the original state before block 7, through 7 and 8
    expect(await runs([3, 9])).toBe(11);
    expect(await runs([])).toBe(16 - 9);
    await fresh.dispose();
    expect(engine.ledger.total()).toBe(0);
  });

  test('a device too small for all weights gets them block by block', async () => {
    const room = 5 * 2 ** 20;
    const small: Engine = Object.create(engine, {
      allocate: {
        value: (bytes: number, purpose: Purpose, label: string) => {
          if (engine.ledger.bytes('weights') + bytes > room) throw outOfMemory(label, bytes);
          return engine.allocate(bytes, purpose, label);
        },
      },
    });
    const windows = expected.windows.slice(0, 1);
    const session = ScoreSession.open(opened, small);
    const curve = await session.score(windows, undefined, () => {});
    for (const block of curve.blocks)
      expect(
        largestDifference(
          block.nllPerWindow,
          expected.loo_nll_per_sample[block.index]?.slice(0, 1) ?? [],
        ),
      ).toBeLessThan(1e-4);
    await session.dispose();
    expect(engine.ledger.total()).toBe(0);
  });

  test('streamed weights and windows in groups give the same curve', async () => {
    const windows = expected.windows.slice(0, 3);
    const small = ScoreSession.open(opened, engine, {
      budgetBytes: 4 * 2 ** 20 + 8 * 128 * 128 * 4 * 12,
    });
    const curve = await small.score(windows, undefined, () => {});
    expect(
      largestDifference(curve.baseline.nllPerWindow, expected.baseline_nll_per_sample),
    ).toBeLessThan(1e-4);
    for (const block of curve.blocks)
      expect(
        largestDifference(block.nllPerWindow, expected.loo_nll_per_sample[block.index] ?? []),
      ).toBeLessThan(1e-4);
    expect(engine.ledger.bytes('weights')).toBeLessThan(4 * 2 ** 20);
    const plan = await small.plan([7, 9]);
    expect(plan.nllPerWindow.length).toBe(3);
    await small.dispose();
    expect(engine.ledger.total()).toBe(0);
  });
});

const FIXTURES = [
  'optimum-llama-fp32',
  'genai-qwen3-fp32-webgpu',
  'genai-gemma2-fp32-cpu',
  'genai-lfm2-fp32-cpu',
  'dynamo-llama-op23',
  'optimum-qwen3moe-fp32',
];

describe.each(CPU_KINDS)('on %s', (kind) => {
  let device: Engine;
  beforeAll(async () => {
    device = await openCpu(kind);
  });
  afterAll(() => device.dispose());

  test.each(FIXTURES)('every window of the curve of %s within 1e-4', async (name) => {
    const expected = golden(name);
    const session = ScoreSession.open(await openModel(await openFolder(fixturePath(name))), device);
    const curve = await session.score(expected.windows, undefined, () => {});
    expect(
      largestDifference(curve.baseline.nllPerWindow, expected.baseline?.nllPerWindow ?? []),
    ).toBeLessThan(1e-4);
    for (const block of expected.blocks ?? []) {
      if (block.refused !== undefined) continue;
      expect(
        largestDifference(curve.blocks[block.index]?.nllPerWindow ?? [], block.nllPerWindow),
      ).toBeLessThan(1e-4);
    }
    await session.dispose();
    expect(device.ledger.total()).toBe(0);
  });
});
