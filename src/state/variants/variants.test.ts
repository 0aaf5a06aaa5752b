// Variants on the stand-ins: which rows there are, what they are called, the front, the pair, and
// the files.

import { describe, expect, it } from 'vitest';
import type { ScoreResult } from '../../contract/score.ts';
import type { RunSample } from '../../contract/variant.ts';
import { EspalierError } from '../../errors.ts';
import { aWhile, scored, until } from '../testing/setUp.ts';
import { comparison } from './comparison.ts';
import { variantsCsv, variantsJson } from './file.ts';
import { defaultName } from './names.ts';
import {
  gainOf,
  plottable,
  predictedRows,
  type VariantRow,
  variantRows,
  wayOfRow,
  waysOf,
} from './variants.ts';

type Page = Awaited<ReturnType<typeof scored>>;

async function measured(page: Page, removed: number[]): Promise<void> {
  page.actions.setRemoved(removed);
  const key = removed.join(',');
  await until(() => [...page.get().effect.known.keys()].some((one) => one.endsWith(`|${key}`)));
  await page.actions.measureSpeed('quick');
}

async function session(): Promise<Page> {
  const page = await scored();
  page.actions.setAutoMeasure(false);
  await measured(page, [7]);
  await measured(page, [7, 9]);
  return page;
}

const names = (page: Page) => variantRows(page.get()).map((row) => row.name);

describe('rows', () => {
  it('are the original and every measured plan, by number of removed blocks', async () => {
    const page = await session();
    const rows = variantRows(page.get());
    expect(rows.map((row) => row.key)).toEqual(['', '7', '7,9']);
    expect(names(page)).toEqual(['original', '−1: 7', '−2: 7, 9']);
    expect(rows.map((row) => row.blocks)).toEqual([16, 15, 14]);
    expect(rows.every((row) => row.nll !== null && row.measure !== null)).toBe(true);
    expect(rows.map((row) => row.present)).toEqual([false, false, true]);
  });

  it('list the present plan before it is measured, with a predicted speed', async () => {
    const page = await session();
    page.actions.setRemoved([2, 7, 9]);
    const row = variantRows(page.get()).at(-1)!;
    expect(row).toMatchObject({ key: '2,7,9', measure: null, present: true, protocol: '' });
    expect(row.predicted).toBeGreaterThan(0);
  });

  it('take names, keep plans, hide and come back', async () => {
    const page = await session();
    page.actions.nameVariant('7', '  the   best ');
    expect(names(page)[1]).toBe('the best');
    page.actions.nameVariant('7', '');
    expect(names(page)[1]).toBe('−1: 7');
    page.actions.setRemoved([1]);
    page.actions.keepVariant('mine');
    page.actions.setRemoved([7, 9]);
    expect(names(page)).toContain('mine');
    page.actions.hideVariant('1');
    expect(names(page)).not.toContain('mine');
    page.actions.showAllVariants();
    expect(names(page)).toContain('mine');
  });

  it('go with the model', async () => {
    const page = await session();
    page.actions.pinVariant('7');
    await page.actions.openSample();
    // The plan of the address stays.
    expect(variantRows(page.get()).map(({ key, nll, measure }) => [key, nll, measure])).toEqual([
      ['', null, null],
      ['7,9', null, null],
    ]);
    expect(page.get().variants.pinned).toEqual([]);
  });

  it('use a plan as one step of undo', async () => {
    const page = await session();
    page.actions.applyVariant('');
    expect(page.get().plan.present.removed).toEqual([]);
    page.actions.undo();
    expect(page.get().plan.present.removed).toEqual([7, 9]);
  });

  it('take perplexities from the curve of now', async () => {
    const page = await session();
    await page.actions.score();
    await aWhile();
    const row = variantRows(page.get()).find(({ key }) => key === '7')!;
    // One block alone is in the new curve.
    expect(row.nll).toBe(page.get().score.curve!.result.blocks[7]!.nll);
    expect(row.measure).not.toBeNull();
  });
});

describe('plot and pair', () => {
  it('draws what was measured alike, and the front among it', async () => {
    const page = await session();
    const rows = variantRows(page.get());
    expect(plottable(rows)).toHaveLength(3);
    expect(rows.some((row) => row.onFront)).toBe(true);
    await page.actions.measureSpeed('paper');
    // The original and this plan now have numbers of the paper's protocol, the other one of the
    // quick one.
    const now = variantRows(page.get());
    expect(plottable(now).map((row) => row.key)).toEqual(['', '7,9']);
    const ways = waysOf(now);
    expect(ways.map((way) => way.split(':')[0])).toEqual(['paper protocol', 'quick']);
    expect(ways[0]).toMatch(/20 runs.*, on CPU \(wasm/);
    expect(now.map((row) => ways.indexOf(wayOfRow(row) ?? ''))).toEqual([0, 1, 0]);
  });

  it('predicts plans with a perplexity and no speed, apart from the front', async () => {
    const page = await session();
    page.actions.setRemoved([2, 7, 9]);
    expect(predictedRows(variantRows(page.get()))).toEqual([]);
    await until(() => page.get().effect.known.size === 3);
    const rows = variantRows(page.get());
    expect(predictedRows(rows).map(({ key, onFront, measure }) => [key, onFront, measure])).toEqual(
      [['2,7,9', false, null]],
    );
    expect(plottable(rows)).toHaveLength(3);
    expect(predictedRows(rows)[0]!.predicted).toBeGreaterThan(
      rows[0]!.measure!.speed.throughput.mean,
    );
  });

  it('puts every speed on one original, however loaded the machine was in between', async () => {
    // The second measurement ran while everything was half as fast.
    const page = await scored({ noise: 0, load: [1, 2] });
    page.actions.setAutoMeasure(false);
    await measured(page, [7]);
    await measured(page, [7, 9]);
    const [original, one, two] = variantRows(page.get());
    expect(one!.measure!.speed.throughput.mean).toBeGreaterThan(
      two!.measure!.speed.throughput.mean,
    );
    expect(two!.gain).toBeGreaterThan(one!.gain!);
    const base = original!.rebased!.throughput;
    expect(base).toBe(original!.measure!.speed.throughput.mean);
    for (const row of [one!, two!]) {
      expect(row.rebased!.throughput).toBeCloseTo(row.gain! * base, 6);
      expect(row.rebased!.decode).toBeGreaterThan(original!.rebased!.decode!);
      expect(row.rebased!.ttft).toBeLessThan(original!.rebased!.ttft);
    }
    expect(two!.rebased!.throughput).toBeGreaterThan(one!.rebased!.throughput);
    expect(plottable([original!, one!, two!]).map(gainOf)[0]).toBe(1);
  });

  it('keeps a speed apart that was not paired with the original', async () => {
    const page = await session();
    page.meter.failVariant('original', new EspalierError('out-of-memory', 'Full.', 'Close tabs.'));
    await measured(page, [2]);
    const rows = variantRows(page.get());
    const alone = rows.find(({ key }) => key === '2')!;
    expect(alone).toMatchObject({ gain: null, ci95: null, rebased: null });
    expect(wayOfRow(alone)).toMatch(/without the original$/);
    expect(plottable(rows).map(({ key }) => key)).toEqual(['', '7', '7,9']);
  });

  it('compares the last two pinned', async () => {
    const page = await session();
    expect(comparison(page.get())).toBeNull();
    for (const key of ['', '7', '7,9']) page.actions.pinVariant(key);
    expect(comparison(page.get())).toMatchObject({
      onlyA: [],
      onlyB: [9],
      speedsCompare: true,
      a: { key: '7' },
      b: { key: '7,9' },
    });
    page.actions.pinVariant('7');
    expect(comparison(page.get())).toBeNull();
  });
});

describe('default names', () => {
  it('list eight blocks at most', () => {
    expect(defaultName([])).toBe('original');
    expect(defaultName([0, 1, 2, 3, 4, 5, 6, 7, 8])).toBe('−9: 0, 1, 2, 3, 4, 5, 6, 7 …');
    expect(defaultName([3, '7.attn'])).toBe('−1 and 1 sublayer: 3, 7.attn');
    expect(defaultName(['7.attn', '9.ffn'])).toBe('−2 sublayers: 7.attn, 9.ffn');
  });
});

describe('files', () => {
  const sample: RunSample = {
    promptTokens: 12,
    tokens: 32,
    batch: 1,
    ttft: 0.5,
    seconds: 2,
    hostSeconds: 0,
    deviceBytes: 50,
    ids: [1],
  };
  const stat = (mean: number, unit: string) => ({ mean, median: mean, min: mean, max: mean, unit });
  const row: VariantRow = {
    key: '3,7',
    removed: [3, 7],
    healing: null,
    quantised: null,
    speedIsOfPruned: false,
    name: '=SUM("a"), b',
    blocks: 14,
    nll: 1000,
    measure: {
      info: {
        device: { kind: 'wasm', name: 'CPU (wasm)' },
        runtime: 'onnxruntime-web 1.30.0 (plain)',
        cache: 'growing',
        graphCapture: false,
        notes: [],
        numBlocks: 14,
        fileBytes: 40,
        loadSeconds: 0.25,
        contextLength: 512,
        vocabSize: 10,
        hasTokenizer: true,
        chat: 'none',
      },
      removed: [3, 7],
      speed: {
        throughput: stat(16, 'tokens/s'),
        latency: stat(2, 's'),
        ttft: stat(0.5, 's'),
        prefill: stat(24, 'tokens/s'),
        decode: null,
        runs: 1,
      },
      samples: [sample],
      loads: [0.25],
      deviceBytes: 50,
    },
    settings: null,
    gain: 1.25,
    ci95: [1.125, 1.375],
    rebased: { throughput: 15, ends: [13.5, 16.5], decode: null, ttft: 0.4 },
    protocol: 'quick',
    predicted: null,
    predictedGain: null,
    fileBytes: 40,
    tasks: { mean: 0.5, difference: { value: -0.25, ci95: [-0.5, 0] } },
    present: true,
    pinned: false,
    onFront: true,
    folder: null,
  };
  const unmeasured: VariantRow = {
    ...row,
    key: '',
    removed: [],
    name: 'original',
    blocks: 16,
    nll: null,
    tasks: null,
    measure: null,
    gain: null,
    ci95: null,
    rebased: null,
    protocol: '',
  };

  const score: ScoreResult = {
    baseline: { nll: 1, ppl: Math.E, nllPerWindow: [1, 1] },
    blocks: [],
    order: [],
    windows: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    settings: {
      text: 'bundled',
      textSha256: '',
      samples: 2,
      length: 3,
      sampler: 'even',
      seed: 0,
      bos: 'none',
    },
    device: { kind: 'webgpu', name: 'GPU 0' },
    selfTest: null,
    rewrites: [],
    seconds: 1,
    costRatio: null,
  };

  it('quotes names, spares spreadsheets formulas, leaves unknown numbers empty', () => {
    const [header, first, second, end] = variantsCsv([row, unmeasured], {
      score,
      tasks: 'BoolQ, all rows',
      date: '2026-01-01',
    }).split('\r\n');
    expect(header?.split(',')).toHaveLength(37);
    expect(first).toBe(
      `"'=SUM(""a""), b",3 7,14,1000,,16,16,16,16,1.25,,24,0.5,2,0.25,40,50,quick,CPU ` +
        '(wasm),onnxruntime-web 1.30.0 (plain),growing,bundled,2,3,GPU 0,2026-01-01,' +
        '1.125,1.375,15,,,,0.5,-0.25,-0.5,0,"BoolQ, all rows"',
    );
    expect(second).toBe('original,,16,,,,,,,,,,,,,40,,,,,,,,,,2026-01-01,,,,,,,,,,,');
    expect(end).toBe('');
  });

  it('keeps every run in the JSON, and a perplexity off the scale as null', () => {
    const told = JSON.parse(
      variantsJson([row], {
        model: 'm',
        graph: 'model.onnx',
        score: null,
        app: '0',
        date: '2026-01-01',
      }),
    );
    expect(told).toMatchObject({ model: 'm', perplexity: null, date: '2026-01-01' });
    expect(told.variants[0]).toMatchObject({
      removed: [3, 7],
      nll: 1000,
      ppl: null,
      speed: { gainInterval: [1.125, 1.375], loads: [0.25], runs: [{ seconds: 2 }] },
    });
  });
});
