// Refitting the sample, held to numpy; and how a refit runs.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenedModel } from '../../model/open/open.ts';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { calibrationText, fixturePath, golden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { folderTokenizer } from '../score/calibration.ts';
import { ScoreSession } from '../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../testing/cpuDevices.ts';
import { type RefitJob, type Refitted, refit } from './refit.ts';
import { estimateRefit } from './refitEstimate.ts';
import { healed } from './testing/healed.ts';

/** Mean NLL in nats on three sets of windows; `definitions` in the file says which. */
interface Row {
  removed: number[];
  pruned: { golden: number; fit: number };
  sequential: { golden: number; fit: number; blocks: Record<string, { first: number[] }> };
}

const { plans } = golden<{ plans: Row[] }>('refit');
const { windows: goldenWindows } = golden<{ windows: number[][] }>('sample');

let engine: Engine;
beforeAll(async () => {
  engine = await openCpu(DEFAULT_KIND);
});
afterAll(async () => {
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

type Asked = Partial<Pick<RefitJob, 'budget' | 'signal' | 'gate' | 'onProgress' | 'windows'>>;

async function run(
  opened: OpenedModel,
  windows: readonly (readonly number[])[],
  removed: RefitJob['removed'],
  { all = false, ...asked }: Asked & { all?: boolean } = {},
): Promise<{ session: ScoreSession; found: Refitted }> {
  const session = ScoreSession.open(opened, engine);
  const found = await session.alone((model) =>
    refit({
      ...model,
      structure: opened.structure,
      removed,
      settings: { all, ridge: 1e-3 },
      windows,
      onProgress: () => {},
      ...asked,
    }),
  );
  return { session, found };
}

describe('the refitted sample', () => {
  let opened: OpenedModel;
  let fit: number[][];
  beforeAll(async () => {
    opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
    const tokenizer = await folderTokenizer(opened.root.folder);
    const ids = [...tokenizer.encode(calibrationText())];
    fit = Array.from({ length: 64 }, (_, k) => {
      const start = Math.floor((k * (ids.length - 128)) / 64);
      return ids.slice(start, start + 128);
    });
  });

  it.each(plans)('without $removed is that of numpy', async (row) => {
    const { session, found } = await run(opened, fit, row.removed);
    expect(found.notes).toEqual([]);
    expect(found.tokens).toBe(64 * 128);
    for (const { before, after } of found.products) expect(after).toBeLessThan(before);
    expect(found.changes.map(({ block }) => String(block))).toEqual(
      Object.keys(row.sequential.blocks),
    );
    for (const change of found.changes) {
      if (change.kind !== 'replaced') throw new Error('a refit replaces matrices');
      const { first } = row.sequential.blocks[String(change.block)]!;
      const values = new Float32Array(change.values.buffer, 0, first.length);
      for (const [k, value] of first.entries())
        expect(Math.abs(values[k]! - value)).toBeLessThan(1e-5);
    }
    const healing = await healed(row.removed, found);
    const measured = async (windows: number[][]): Promise<number> => {
      await session.useWindows(windows);
      return (await session.plan(row.removed, undefined, () => {}, healing)).nll;
    };
    expect((await measured(goldenWindows)) / row.sequential.golden).toBeCloseTo(1, 5);
    expect((await measured(fit)) / row.sequential.fit).toBeCloseTo(1, 5);
    expect(row.sequential.fit).toBeLessThan(row.pruned.fit);
    await session.dispose();
  });
});

describe('a refit', () => {
  const name = 'optimum-llama-fp32';
  const { windows } = golden(name);
  let opened: OpenedModel;
  beforeAll(async () => {
    opened = await openModel(await openFolder(fixturePath(name)));
  });
  const values = ({ found }: { found: Refitted }): Float32Array[] =>
    found.changes.map((change) => {
      if (change.kind !== 'replaced') throw new Error('a refit replaces matrices');
      return new Float32Array(change.values.buffer);
    });

  it('is the same with streamed weights, and states of a few windows at a time', async () => {
    const request = {
      structure: opened.structure,
      programs: ScoreSession.open(opened, engine).programs,
      removed: [1, 3],
      settings: { all: false },
      size: { windows: windows.length, length: 24 },
      device: engine,
    };
    const memory = (budget: number) => estimateRefit({ ...request, budget }, null).memory;
    const needed = memory(1e9);
    let budget = needed.total / 2;
    let small = memory(budget);
    for (; small.hiddenStates === needed.hiddenStates; small = memory(budget)) budget *= 0.95;
    expect(small.streaming).toBe(true);
    expect(small.obstacle).toBeUndefined();
    expect(small.total).toBeLessThan(budget);
    const whole = await run(opened, windows, [1, 3]);
    const parts = await run(opened, windows, [1, 3], { budget });
    expect(parts.found.changes).toHaveLength(2);
    for (const [k, matrix] of values(parts).entries()) {
      const other = values(whole)[k]!;
      const most = Math.max(...matrix.map((value, at) => Math.abs(value - other[at]!)));
      expect(most).toBeLessThan(1e-3 * Math.max(...other.map(Math.abs)));
    }
    for (const [k, { before, after }] of parts.found.products.entries()) {
      const other = whole.found.products[k]!;
      expect(Math.abs(before / other.before - 1)).toBeLessThan(1e-4);
      expect(Math.abs(after - other.after) / before).toBeLessThan(1e-4);
    }
  });

  it('of sublayers changes what is left before them', async () => {
    const { found } = await run(opened, windows, ['1.ffn', '3.attn']);
    expect(found.products.map(({ unit, run: gone }) => [unit, gone])).toEqual([
      ['1.attn', ['1.ffn']],
      [2, ['3.attn']],
    ]);
    for (const { before, after } of found.products) expect(after).toBeLessThan(before);
  });

  it('of every kept block says what it cannot do', async () => {
    const { found } = await run(opened, windows, [0, 2], { all: true });
    expect(found.products.map(({ unit }) => unit)).toEqual([1, 3, 4]);
    expect(found.notes).toEqual([
      'Nothing comes before block 0, so nothing is refitted in its place.',
    ]);
    const none = await run(opened, windows, [0]);
    expect(none.found.changes).toEqual([]);
    expect(none.found.notes).toHaveLength(1);
  });

  it('is held, ends when it is cancelled, and where the budget is too small', async () => {
    const abort = new AbortController();
    let steps = 0;
    const onProgress = (): void => {
      steps += 1;
      if (steps === 4) abort.abort();
    };
    let waits = 0;
    const gate = {
      wait: async () => {
        waits += 1;
      },
    };
    const cancelled = run(opened, windows, [1, 3], { signal: abort.signal, gate, onProgress });
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(steps).toBe(4);
    expect(waits).toBeGreaterThan(4);
    const small = run(opened, windows, [1], { budget: 1000 });
    await expect(small).rejects.toMatchObject({ code: 'too-large' });
    expect(engine.ledger.total()).toBe(0);
  });
});
