// Sublayers against the goldens: curves over them, plans with them, and the criteria of the hidden
// states that come with a curve.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SublayersEvent } from '../../contract/score.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import { sublayerUnit, type Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from './session.ts';

interface UnitGolden {
  windows: number[][];
  /** Made by tools/sample_golden.py. */
  unit_nll: { attn: number[]; ffn: number[] };
  block_influence: number[];
  angular_last_token: Record<string, number[]>;
  baseline_nll_per_sample: number[];
  generation: { removed: number[]; removedUnits: Unit[]; nll: number }[];
}

let engine: Engine;
let opened: OpenedModel;
const expected = golden<UnitGolden>('sample');

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
  opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
});
afterAll(() => engine.dispose());

const difference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, k) => Math.abs(value - (b[k] ?? Number.NaN))));

describe('the sample', () => {
  let session: ScoreSession;
  beforeAll(() => {
    session = ScoreSession.open(opened, engine);
  });
  afterAll(async () => {
    await session.dispose();
    expect(engine.ledger.total()).toBe(0);
  });

  test('criteria of the hidden states within 1e-5', async () => {
    const { blockInfluence, angular } = await session.hiddenCriteria(expected.windows);
    expect(difference(blockInfluence, expected.block_influence)).toBeLessThan(1e-5);
    expect(angular.length).toBe(16);
    for (const [n, row] of Object.entries(expected.angular_last_token))
      expect(difference(angular[Number(n) - 1] ?? [], row)).toBeLessThan(1e-5);
    // The states are there: nothing runs.
    let blocks = 0;
    expect(
      await session.hiddenCriteria(expected.windows, undefined, ({ phase, total }) => {
        if (phase === 'score') blocks = Math.max(blocks, total);
      }),
    ).toEqual({ blockInfluence, angular });
    expect(blocks).toBe(0);
  });

  test('curve over sublayers within 1e-4, on the stored states of the original', async () => {
    const events: SublayersEvent[] = [];
    const found = await session.scoreSublayers(expected.windows, undefined, (event) =>
      events.push(event),
    );
    expect(found.parts.map(({ unit }) => unit)).toEqual(
      Array.from({ length: 16 }, (_, block) => [
        sublayerUnit(block, 'attn'),
        sublayerUnit(block, 'ffn'),
      ]).flat(),
    );
    const nll = (part: number): number[] =>
      found.parts.filter((_, k) => k % 2 === part).map((one) => one.nll);
    expect(difference(nll(0), expected.unit_nll.attn)).toBeLessThan(1e-4);
    expect(difference(nll(1), expected.unit_nll.ffn)).toBeLessThan(1e-4);
    expect(difference(found.baseline.nllPerWindow, expected.baseline_nll_per_sample)).toBeLessThan(
      1e-4,
    );
    const sorted = [...found.parts].sort((a, b) => a.nll - b.nll).map(({ unit }) => unit);
    expect(found.order).toEqual(sorted);
    expect(found.costRatio).toBeGreaterThan(0);
    const progress = events.flatMap((event) =>
      event.type === 'progress' && event.progress.phase === 'score' ? [event.progress] : [],
    );
    // Of each block both sublayers, and what comes after them twice; the original does not run
    // again.
    expect(progress.at(-1)).toMatchObject({
      job: 'parts',
      done: 2 * 16 + 16 * 15,
      total: 2 * 16 + 16 * 15,
    });
    expect(events.filter(({ type }) => type === 'part').length).toBe(32);
    expect(events.find(({ type }) => type !== 'progress')?.type).toBe('baseline');
  });

  test('plans with sublayers, and single sublayers at once', async () => {
    for (const { removed, removedUnits, nll } of expected.generation) {
      const plan = await session.plan([...removed, ...removedUnits]);
      expect(Math.abs(plan.nll - nll)).toBeLessThan(1e-4);
      if (removed.length === 0) expect(plan.seconds).toBe(0);
    }
    const both = await session.plan(['7.attn', '7.ffn', 9]);
    expect(await session.plan([7, 9])).toMatchObject({ nll: both.nll });
    const own = await session.nllPerToken(['9.attn', 7, '8.ffn'], expected.windows[0] ?? []);
    const plan = await session.plan([7, '8.ffn', '9.attn']);
    expect(own.reduce((sum, value) => sum + value, 0) / own.length).toBeCloseTo(
      plan.nllPerWindow[0] ?? Number.NaN,
      5,
    );
    await expect(session.plan(['16.attn'])).rejects.toThrow(/no block 16/);
  });

  test('a plan resumes where it agrees with the last one, sublayer by sublayer', async () => {
    const runs = async (removed: Unit[]): Promise<number> => {
      let total = 0;
      await session.plan(removed, undefined, (progress) => {
        if (progress.phase === 'score') total = progress.total;
      });
      return total;
    };
    expect(await runs([2, '7.attn', 12])).toBeGreaterThan(0);
    expect(await runs([2, '7.attn', 13])).toBe(3); // 12, 14, 15
    expect(await runs([2, '7.ffn', 13])).toBe(8); // from the state before block 7
  });
});

test('streamed, with a curve or without, the sublayer scores are the same', async () => {
  const windows = expected.windows.slice(0, 2).map((window) => window.slice(0, 16));
  const whole = ScoreSession.open(opened, engine);
  const parts = await whole.scoreSublayers(windows, undefined, () => {});
  await whole.dispose();
  const curve = ScoreSession.open(opened, engine, { budgetBytes: 3.4 * 2 ** 20 });
  expect(curve.memory(2, 16).streaming).toBe(true);
  const { hidden, baseline } = await curve.score(windows, undefined, () => {});
  expect(await curve.hiddenCriteria(windows)).toBe(hidden);
  const streamed = await curve.scoreSublayers(windows, undefined, () => {});
  expect(streamed.parts).toEqual(parts.parts);
  expect(streamed.order).toEqual(parts.order);
  expect(streamed.baseline).toEqual(baseline);
  await curve.dispose();
  const alone = ScoreSession.open(opened, engine, { budgetBytes: 3.4 * 2 ** 20 });
  expect(await alone.hiddenCriteria(windows)).toEqual(hidden);
  await alone.dispose();
  expect(engine.ledger.total()).toBe(0);
});

test('windows and candidates in groups give the same sublayers and criteria', async () => {
  const windows = expected.windows.slice(0, 2);
  const whole = ScoreSession.open(opened, engine);
  const parts = await whole.scoreSublayers(windows, undefined, () => {});
  const hidden = await whole.hiddenCriteria(windows);
  await whole.dispose();
  const small = ScoreSession.open(opened, engine, { budgetBytes: 3.4 * 2 ** 20 });
  const criteria = await small.hiddenCriteria(windows);
  expect(difference(criteria.blockInfluence, hidden.blockInfluence)).toBeLessThan(1e-6);
  for (const [n, row] of criteria.angular.entries())
    expect(difference(row, hidden.angular[n] ?? [])).toBeLessThan(1e-6);
  const streamed = await small.scoreSublayers(windows, undefined, () => {});
  for (const [k, { nllPerWindow }] of streamed.parts.entries())
    expect(difference(nllPerWindow, parts.parts[k]?.nllPerWindow ?? [])).toBeLessThan(1e-6);
  await small.dispose();
  expect(engine.ledger.total()).toBe(0);
});

test('a model whose blocks cannot be divided says so', async () => {
  const session = ScoreSession.open(
    await openModel(await openFolder(fixturePath('optimum-gptneox-fp32'))),
    engine,
  );
  const { windows } = golden('optimum-gptneox-fp32');
  await expect(session.scoreSublayers(windows, undefined, () => {})).rejects.toThrow(
    /cannot be separated in any block/,
  );
  await session.useWindows(windows);
  await expect(session.plan([1, '2.attn'])).rejects.toThrow(
    /block 2 cannot be separated, so 2\.attn/,
  );
  await session.dispose();
});

test('a sublayer of a block that cannot be removed as a whole', async () => {
  const session = ScoreSession.open(
    await openModel(await openFolder(fixturePath('neg-aux-hidden'))),
    engine,
  );
  const { windows, units } = golden<{ windows: number[][]; units: { attn: number[] } }>(
    'neg-aux-hidden',
  );
  await session.useWindows(windows);
  expect(
    Math.abs((await session.plan(['2.attn'])).nll - (units.attn[2] ?? Number.NaN)),
  ).toBeLessThan(1e-4);
  await expect(session.plan([2])).rejects.toThrow(/Block 2 cannot be removed/);
  await session.dispose();
});

describe.each([
  'optimum-llama-fp32',
  'optimum-bloom-fp32',
  'genai-qwen3-fp32-webgpu',
  'genai-gemma2-fp32-cpu',
  'genai-lfm2-fp32-cpu',
  'dynamo-llama-op23',
  'optimum-qwen3moe-fp32',
])('%s', (name) => {
  test('every part within 1e-4', async () => {
    const { windows, units } = golden<{
      windows: number[][];
      units: { attn: number[]; ffn: number[] };
    }>(name);
    const session = ScoreSession.open(await openModel(await openFolder(fixturePath(name))), engine);
    const { parts } = await session.scoreSublayers(windows, undefined, () => {});
    expect(parts.length).toBe(units.attn.length + units.ffn.length);
    for (const { unit, nll } of parts) {
      const [block = '', part] = unit.split('.');
      const value = units[part as 'attn' | 'ffn'][Number(block)] ?? Number.NaN;
      expect(Math.abs(nll - value), unit).toBeLessThan(1e-4);
    }
    await session.dispose();
    expect(engine.ledger.total()).toBe(0);
  });
});
