// Quantisations as a whole: what is chosen, computed, measured and reported; what is refused; and
// that more bits for the most sensitive matrices are worth their bytes.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { QuantiseEvent } from '../../contract/quantise.ts';
import { QUANTISE_DEFAULTS } from '../../contract/quantiseDefaults.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { quantisableMatrices } from '../../model/quantise/matrices.ts';
import { dequantisedMatrix } from '../../model/quantise/packed.ts';
import type { MatrixForm, QuantiseSettings } from '../../model/quantise/quantisation.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { BytesReader } from '../../onnx/bytes.ts';
import { DataType } from '../../onnx/graph.ts';
import {
  calibrationText,
  evaluationText,
  fixturePath,
  golden,
  type SampleGolden,
  samplePath,
} from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { openNative } from '../device/native/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { healed } from '../heal/testing/healed.ts';
import { ScoreSession } from '../score/session.ts';
import { MemoryStore } from '../testing/memoryStore.ts';
import { estimateQuantise } from './estimate.ts';
import type { QuantiseJob } from './job.ts';
import { quantise } from './quantise.ts';

let engine: Engine;
const sessions: ScoreSession[] = [];
beforeAll(async () => {
  engine = await openNative(nodeLoader);
});
afterAll(async () => {
  for (const session of sessions) await session.dispose();
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

async function opened(path: string, graph?: string) {
  const model: OpenedModel = await openModel(await openFolder(path), graph);
  const session = ScoreSession.open(model, engine);
  sessions.push(session);
  return { opened: model, session };
}

const settings = (own: Partial<QuantiseSettings> = {}): QuantiseSettings => ({
  ...QUANTISE_DEFAULTS,
  ...own,
});

describe('a small model', () => {
  let model: Awaited<ReturnType<typeof opened>>;
  beforeAll(async () => {
    model = await opened(fixturePath('optimum-llama-chat'));
  });

  const job = (own: Partial<QuantiseJob>): QuantiseJob => ({
    ...model,
    ...{ removed: [2], healing: null, dtype: 'q4', settings: settings(), forms: {}, mixed: null },
    sources: {
      calibration: { name: 'a.txt', text: calibrationText().slice(0, 900) },
      ...{ samples: 2, length: 16 },
      heldOut: { name: 'b.txt', text: evaluationText().slice(0, 400) },
    },
    onEvent: () => {},
    ...own,
  });

  test('GPTQ with a choice by bytes, cancelled and resumed, and its size as written', async () => {
    const [store, abort] = [new MemoryStore(), new AbortController()];
    const whole: Partial<QuantiseJob> = {
      settings: settings({ method: 'gptq', head: 8 }),
      mixed: { kind: 'bytes', bytes: 12_000 },
      store,
    };
    const stop = (event: QuantiseEvent): void => {
      if (event.type === 'progress' && event.progress.job === 'gptq') abort.abort();
    };
    const first = quantise(job({ ...whole, signal: abort.signal, onEvent: stop }));
    await expect(first).rejects.toThrow('Cancelled');
    expect(store.stored).not.toBeNull();

    const events: QuantiseEvent[] = [];
    const result = await quantise(job({ ...whole, onEvent: (event) => events.push(event) }));
    expect(store.stored).toBeNull();
    const told = events.filter(({ type }) => type === 'sensitivity');
    const sensitive = result.matrices.filter(({ sensitivity }) => sensitivity !== null);
    expect(told.length).toBe(sensitive.length);
    expect(sensitive.length).toBe(4 * 7 + 1);
    // Those of the interrupted run come before anything runs.
    expect(events.slice(0, told.length).every(({ type }) => type !== 'progress')).toBe(true);

    const said = result.warnings.join(' ');
    expect(said).toMatch(/the most sensitive keep more: [1-9]/);
    expect(said).not.toMatch(/\b0 (have|stay)/);

    const { forms, computed, record } = result.quantisation;
    const upgraded = Object.keys(forms);
    expect(upgraded.length).toBeGreaterThan(1);
    const blocks = sensitive.filter(({ block }) => block !== null);
    const worth = (tensor: string): number => {
      const { sensitivity, inputs, outputs } = blocks.find((one) => one.tensor === tensor)!;
      return sensitivity! / (inputs * outputs);
    };
    const left = blocks.filter(({ tensor }) => !upgraded.includes(tensor));
    const [best = 0] = left.map(({ tensor }) => worth(tensor)).sort((a, b) => b - a);
    expect(Math.max(...upgraded.map(worth))).toBeGreaterThan(best);
    expect(computed.map(({ tensor }) => tensor).sort()).toEqual(
      left.map(({ tensor }) => tensor).sort(),
    );
    expect(record.text).toMatchObject({ name: 'a.txt', windows: 2, tokens: 32 });
    expect(result.measured.map(({ set, pruned, healed }) => [set, pruned?.nll, healed])).toEqual([
      ['windows', expect.any(Number), null],
      ['held-out', expect.any(Number), null],
    ]);
    for (const { nllPerWindow, ...parts } of result.measured) {
      expect(record.measured).toContainEqual(parts);
      expect(nllPerWindow.pruned).toHaveLength(nllPerWindow.original.length);
    }

    const steps = dtypeSteps('q4', result.quantisation);
    const { files } = await exportManifest(model.opened, [2], { app: '0', steps });
    const written = files.filter(({ path }) => /model_q4\.onnx/.test(path));
    expect(result.bytes).toBe(written.reduce((sum, { size }) => sum + size, 0));
    const { bytes, matrices } = await estimateQuantise({
      ...job({ ...whole, mixed: null }),
      session: model.session,
    });
    const grown = result.matrices.map(
      ({ writtenBytes }, k) => writtenBytes - matrices[k]!.writtenBytes,
    );
    const extra = grown.reduce((sum, one) => sum + one, 0);
    expect(extra).toBeGreaterThan(6000);
    expect(extra).toBeLessThanOrEqual(12_000);
    expect(Math.abs(result.bytes - bytes - extra)).toBeLessThan(4096);
  });

  test('GPTQ sees what else is written in few bits, as if the model were stored so', async () => {
    const { structure, folder } = model.opened;
    const all = quantisableMatrices(structure);
    const first = all.find(({ block, part }) => block === 0 && /down/.test(part))!;
    const { tensor, block } = first;
    const made = async (own: Partial<QuantiseJob>) => {
      const { sources, ...rest } = job({ removed: [], ...own });
      const calibration = { name: 'a.txt', text: calibrationText().slice(0, 300) };
      const alone = { ...sources, calibration, heldOut: null, windows: { name: '', windows: [] } };
      const { quantisation } = await quantise({ ...rest, sources: alone });
      return quantisation.computed;
    };
    const own = settings({ method: 'gptq', block: 16 });
    const eight = await made({ settings: own, forms: { [tensor]: 8 } });
    const data = dequantisedMatrix(first, { settings: own, bits: 8, scales: DataType.float });
    const values = await new BytesReader(folder).open(data).read(0, data.length);
    const change = { tensor, block, kind: 'replaced', values } as const;
    const healing = await healed([], { changes: [change], tokens: 0 });
    const forms = { [tensor]: 'float' } as const;
    expect(eight).toEqual(await made({ settings: own, forms, healing }));
    // What comes before the matrix is as without it; what comes after is not.
    const kept = await made({ settings: own, forms });
    const same = eight.map((one, k) => Buffer.compare(one.weights, kept[k]!.weights) === 0);
    expect(same.slice(0, 6)).toEqual([true, true, true, true, true, true]);
    expect(same.slice(6)).toContain(false);
    const table = await made({ settings: { ...own, embedding: 4 }, forms });
    expect(Buffer.compare(table[0]!.weights, kept[0]!.weights)).not.toBe(0);
  });

  const none = { calibration: null, heldOut: null, samples: 2, length: 16 };
  test.each<[string, Partial<QuantiseJob>]>([
    ['GPTQ gives 4 bits, not 8', { dtype: 'q8', settings: settings({ method: 'gptq', bits: 8 }) }],
    ['HQQ needs zero points', { settings: settings({ method: 'hqq', symmetric: true }) }],
    ['precision q8 has 8 bits, and 4', { dtype: 'q8' }],
    ['by 24', { settings: settings({ block: 24 as 32 }) }],
    ['GPTQ takes its statistics', { settings: settings({ method: 'gptq' }), sources: none }],
    ['chosen by a text', { mixed: { kind: 'loss', nats: 1 }, sources: none }],
    ['NaN nats', { mixed: { kind: 'loss', nats: Number.NaN } }],
    ['no matrix of the blocks is called so', { forms: { nothing: 8 } }],
    ['a is too short', { sources: { ...none, calibration: { name: 'a', text: 'a' } } }],
  ])('%s', async (message, own) => {
    await expect(quantise(job(own))).rejects.toThrow(message);
  });

  test('nothing left to quantise is refused, and without texts nothing is measured', async () => {
    // Nothing runs: a model that no device here can run is quantised all the same.
    const all = await quantise(job({ sources: none, session: null }));
    expect(all).toMatchObject({ measured: [], device: null });
    const forms: Record<string, MatrixForm> = {};
    for (const { tensor, block } of all.matrices) if (block !== null) forms[tensor] = 'float';
    await expect(quantise(job({ forms }))).rejects.toThrow('left to quantise');
    const mixed = { kind: 'loss', nats: 0 } as const;
    await expect(quantise(job({ mixed }))).rejects.toThrow('no matrix can be given few bits');
  });

  test('what was chosen for a matrix that the plan removes is without effect', async () => {
    const { quantisation, matrices } = await quantise(job({ removed: [], sources: none }));
    expect(quantisation.forms).toEqual({});
    const { tensor } = matrices.find(({ block }) => block === 1)!;
    const pruned = await quantise(job({ removed: [1], sources: none, forms: { [tensor]: 8 } }));
    expect(pruned.quantisation.forms).toEqual({});
    expect(pruned.matrices.some(({ form }) => form === 8)).toBe(false);
  });
});

test('more bits where they matter lose less than a smaller block of the same bytes', async () => {
  const model = await opened(samplePath(), 'onnx/model.onnx');
  const windows = golden<SampleGolden>('sample')
    .windows.slice(0, 2)
    .map((window) => window.slice(0, 32));
  const run = (own: Partial<QuantiseJob>) =>
    quantise({
      ...model,
      ...{ removed: [], healing: null, dtype: 'q4', settings: settings(), forms: {}, mixed: null },
      sources: {
        ...{ calibration: null, heldOut: null, samples: 2, length: 32 },
        windows: { name: 'windows', windows },
      },
      onEvent: () => {},
      ...own,
    });
  const uniform = await run({ settings: settings({ block: 16 }) });
  const { bytes } = await estimateQuantise({
    ...model,
    ...{ removed: [], healing: null, dtype: 'q4', settings: settings(), forms: {}, mixed: null },
    sources: { calibration: null, heldOut: null, samples: 2, length: 32 },
  });
  const mixed = await run({ mixed: { kind: 'bytes', bytes: uniform.bytes - bytes - 4096 } });
  expect(mixed.bytes).toBeLessThanOrEqual(uniform.bytes);
  expect(mixed.bytes).toBeGreaterThan(0.98 * uniform.bytes);
  const [kl = 0, least = 0] = [uniform, mixed].map(
    ({ measured }) => measured[0]?.quantised.klDivergence ?? Number.NaN,
  );
  expect(least).toBeGreaterThan(0);
  expect(least).toBeLessThan(0.8 * kl);
});
