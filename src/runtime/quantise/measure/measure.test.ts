// What a quantisation loses on the sample, before it is written: against the numbers of PyTorch and
// ONNX Runtime's own quantiser, and against the whole graphs.

import { afterAll, describe, expect, test } from 'vitest';
import { manifestFolder } from '../../../model/export/folder.ts';
import { exportManifest } from '../../../model/export/manifest.ts';
import { type OpenedModel, openModel } from '../../../model/open/open.ts';
import type { QuantiseSettings } from '../../../model/quantise/quantisation.ts';
import { openFolder } from '../../../node/testing/openFolder.ts';
import { golden, samplePath } from '../../../testing/fixtures.ts';
import { GraphRunner } from '../../decode/likelihood.ts';
import { TimedGate } from '../../pass/gate.ts';
import { measureExport } from '../../score/exported.ts';
import { ScoreSession } from '../../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../../testing/cpuDevices.ts';
import type { MeasuredSegments } from '../job.ts';
import { quantiseSteps } from '../testing/byRounding.ts';
import { measureMemory, measureQuantised } from './measure.ts';

interface Losses {
  windows: number[];
}
type Golden = { removed: number[] } & Record<string, { intact: Losses; plan: Losses }>;

const losses = golden<Golden>('quantise-losses');
const windows = golden<{ windows: number[][] }>('sample').windows;
const engine = await openCpu(DEFAULT_KIND);
const opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
const session = ScoreSession.open(opened, engine);
afterAll(async () => {
  await session.dispose();
  await engine.dispose();
});

describe('NLL of the sample per window', () => {
  const CASES: [string, Partial<QuantiseSettings>, number][] = [
    ['rtn-asymmetric-32', {}, 1e-4],
    ['rtn-symmetric-128', { symmetric: true, block: 128 }, 1e-4],
    ['hqq-32', { method: 'hqq', floatZeros: true }, 1e-3],
  ];
  test.each(CASES)('%s, with all blocks and without four', async (name, settings, limit) => {
    for (const which of ['intact', 'plan'] as const) {
      const removed = which === 'plan' ? losses.removed : [];
      const plan = { source: opened, removed, steps: quantiseSteps(settings, 'q4', removed) };
      const { nllPerWindow } = await measureExport(session, plan, windows.slice(0, 2));
      for (const [k, nll] of nllPerWindow.entries())
        expect(Math.abs(nll - losses[name]![which].windows[k]!)).toBeLessThan(limit);
    }
  });
});

const short = windows.slice(0, 3).map((window) => window.slice(0, 24));

describe('the parts of the loss', () => {
  const removed = [7];
  const steps = quantiseSteps({ head: 8 }, 'q4', removed);
  const texts = [
    { set: 'windows', name: 'a', segments: short },
    // Of other lengths, and by other words.
    { set: 'held-out', name: 'b', segments: [windows[4]!.slice(0, 9), windows[5]!.slice(0, 12)] },
  ] satisfies MeasuredSegments[];
  const measure = (own: ScoreSession, signal?: AbortSignal): ReturnType<typeof measureQuantised> =>
    measureQuantised({ opened, session: own, removed, steps, texts, signal, onProgress: () => {} });

  test('are those of the whole graphs', async () => {
    const found = await measure(session);
    expect(engine.ledger.total()).toBe(0);
    const files = async (all: typeof steps): Promise<OpenedModel> => {
      const manifest = await exportManifest(opened, removed, { app: 'test', steps: all });
      return openModel(manifestFolder(manifest, opened.folder), manifest.graph);
    };
    const models = [opened, await files([]), await files(steps)];
    for (const [k, text] of texts.entries()) {
      const [original, pruned, quantised] = await wholeGraphs(models, text.segments);
      const { predicted, ...row } = found[k]!;
      expect(predicted).toBe(text.segments.flatMap((ids) => ids.slice(1)).length);
      expect([row.set, row.name, row.healed]).toEqual([text.set, text.name, null]);
      expect(row.original.nll).toBeCloseTo(original!.nll, 5);
      // Each segment counts with what it predicts.
      const weights = text.segments.map((ids) => (ids.length - 1) / predicted);
      for (const part of ['original', 'pruned', 'quantised'] as const) {
        const means = row.nllPerWindow[part]!;
        expect(means.length).toBe(weights.length);
        const mean = means.reduce((sum, nll, at) => sum + nll * weights[at]!, 0);
        expect(mean).toBeCloseTo(row[part]!.nll, 9);
      }
      for (const [part, whole] of [
        [row.pruned!, pruned!],
        [row.quantised, quantised!],
      ] as const) {
        expect(part.nll).toBeCloseTo(whole.nll, 5);
        expect(part.klDivergence).toBeCloseTo(whole.kl, 5);
        expect(part.top1Agreement).toBeCloseTo(whole.agreed, 6);
      }
    }
  });

  test('are the same where weights are streamed and states are held for few segments', async () => {
    const { total } = await measureMemory({ opened, session, removed, steps }, 3, 24);
    const small = ScoreSession.open(opened, engine, { budgetBytes: 6e6 });
    expect(total).toBeGreaterThan(6e6);
    const [found, expected] = [await measure(small), await measure(session)];
    for (const [k, row] of found.entries()) {
      expect(row.quantised.nll).toBeCloseTo(expected[k]!.quantised.nll, 5);
      expect(row.quantised.klDivergence).toBeCloseTo(expected[k]!.quantised.klDivergence!, 6);
    }
    await small.dispose();
    expect(engine.ledger.total()).toBe(0);
  });

  test('are held, end when they are cancelled, and leave nothing on the device', async () => {
    const stop = new AbortController();
    let [before, held, holds] = [0, 0, false];
    const wait = async (): Promise<void> => {
      if (!holds) {
        before += 1;
        return;
      }
      held += 1;
      setTimeout(() => stop.abort());
      await new Promise(() => {});
    };
    const gate = new TimedGate({ wait });
    const work = measureQuantised({
      ...{ opened, session, removed, steps, texts, signal: stop.signal, gate },
      // After the original, while the quantised model runs.
      onProgress: ({ unit, done }) => {
        holds ||= unit === 'segments' && done >= 6;
      },
    });
    await expect(work).rejects.toMatchObject({ code: 'cancelled' });
    expect(held).toBe(1);
    expect(before).toBeGreaterThan(2 * 2 * 15);
    expect(engine.ledger.total()).toBe(0);
  });
});

test('float16 activations and rounded ones have a loss of their own', async () => {
  const nll = async (
    settings: Partial<QuantiseSettings>,
    dtype: 'q4' | 'q4f16',
  ): Promise<number> => {
    const plan = { source: opened, removed: [], steps: quantiseSteps(settings, dtype) };
    return (await measureExport(session, plan, short)).nll;
  };
  const exact = await nll({}, 'q4');
  for (const other of [await nll({}, 'q4f16'), await nll({ accuracyLevel: 4 }, 'q4')]) {
    expect(other).not.toBe(exact);
    expect(Math.abs(other - exact)).toBeLessThan(0.02);
  }
});

interface Whole {
  nll: number;
  kl: number;
  agreed: number;
}

/** Of each model against the first, in float64 from the logits of the whole graphs. */
async function wholeGraphs(
  models: readonly OpenedModel[],
  segments: readonly (readonly number[])[],
): Promise<Whole[]> {
  const all: Float64Array[][] = [];
  for (const model of models) {
    const runner = await GraphRunner.open(model, engine);
    const rows: Float64Array[] = [];
    for (const ids of segments) {
      const { data } = await runner.logits(ids);
      const size = data.length / ids.length;
      for (let t = 0; t + 1 < ids.length; t++)
        rows.push(logSoftmax(Float64Array.from(data.subarray(t * size, (t + 1) * size))));
    }
    await runner.dispose();
    all.push(rows);
  }
  const targets = segments.flatMap((ids) => ids.slice(1));
  const mean = (of: (row: number) => number): number =>
    targets.reduce((sum, _, row) => sum + of(row), 0) / targets.length;
  return all.map((rows) => ({
    nll: mean((row) => -rows[row]![targets[row]!]!),
    kl: mean((row) =>
      all[0]![row]!.reduce((sum, p, v) => sum + Math.exp(p) * (p - rows[row]![v]!), 0),
    ),
    agreed: mean((row) => (top(rows[row]!) === top(all[0]![row]!) ? 1 : 0)),
  }));
}

function logSoftmax(logits: Float64Array): Float64Array {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, value) => total + Math.exp(value - most), 0);
  return logits.map((value) => value - most - Math.log(sum));
}

const top = (values: Float64Array): number =>
  values.reduce((best, value, k) => (value > values[best]! ? k : best), 0);
