// Quantising on the stand-in studio: the form, a run with its sensitivities, what comes of it for
// the plan, for exports, speed and the table of variants.

import { describe, expect, it } from 'vitest';
import type { KeptQuantisation } from '../../contract/quantise.ts';
import { QUANTISE_DATA } from '../../contract/quantiseDefaults.ts';
import { EspalierError } from '../../errors.ts';
import { effectView } from '../effect/selectors.ts';
import { activeQuantisation } from '../effect/steps.ts';
import { bytesAlso, dtypeObstacle, exportSize, writtenAs } from '../export/selectors.ts';
import { remedyOf } from '../remedies.ts';
import { speedView } from '../speed/selectors.ts';
import { fakeQuantised } from '../testing/fakeQuantising.ts';
import { called, planned } from '../testing/planned.ts';
import { scored, until } from '../testing/setUp.ts';
import { variantRows } from '../variants/variants.ts';
import { verdictView } from '../verdict/selectors.ts';
import {
  hasLostHealing,
  planQuantisations,
  quantiseEstimate,
  quantiseObstacle,
  quantiseProblems,
  quantiseRequest,
} from './selectors.ts';

const presentRow = (page: Awaited<ReturnType<typeof planned>>) =>
  variantRows(page.get()).find(({ present }) => present)!;

/** Arguments of the last call of that name. */
const last = (page: Awaited<ReturnType<typeof planned>>, name: string) => called(page, name).at(-1);

describe('the form', () => {
  it('asks for what goes with precision and method, and keeps the rest', async () => {
    const { actions, get } = await scored();
    actions.setQuantise({ method: 'gptq', symmetric: true, floatZeros: false });
    actions.setMixed({ kind: 'loss', nats: 0.2 });
    actions.setMatrixForm('a', 'float');
    actions.setMatrixForm('b', 8);
    actions.setMatrixForm('b', null);
    expect(quantiseRequest(get())).toMatchObject({
      removed: [],
      dtype: 'q4',
      settings: { method: 'gptq', bits: 4, symmetric: false, floatZeros: true },
      mixed: { kind: 'loss', nats: 0.2 },
      forms: { a: 'float' },
      windows: { windows: get().score.curve!.result.windows },
    });
    actions.setQuantiseDtype('q8');
    expect(quantiseRequest(get())).toMatchObject({
      dtype: 'q8',
      settings: { method: 'rtn', bits: 8, symmetric: true },
      mixed: null,
    });
    actions.setQuantiseDtype('q4');
    expect(quantiseRequest(get())!.settings.method).toBe('gptq');
  });

  it('says what is wrong with which field that counts', async () => {
    const { actions, get } = await scored({}, { hasTokenizer: false });
    actions.setMixed({ kind: 'bytes', bytes: 0.5 });
    actions.setQuantiseData({ samples: 0, length: 4000 });
    expect([...quantiseProblems(get()).keys()]).toEqual(['mixed.bytes']);
    actions.setQuantise({ method: 'gptq' });
    expect([...quantiseProblems(get()).keys()]).toEqual([
      'mixed.bytes',
      'data.samples',
      'data.length',
    ]);
    expect(quantiseObstacle(get())).toContain('needs a tokenizer');
    actions.setMixed({ kind: 'off' });
    actions.setQuantise({ method: 'hqq' });
    expect([quantiseProblems(get()).size, quantiseObstacle(get())]).toEqual([0, null]);
    actions.setQuantiseText('empty.txt', '  ');
    expect(get().errors.quantise?.message).toBe('empty.txt is empty.');
    actions.openDraft('quantising');
    expect(quantiseObstacle(get())).toContain('Paste a text');
    actions.setDraft('quantising', 'A text.');
    actions.takeDraft('quantising');
    expect(get().quantise.form.data.calibration).toMatchObject({ kind: 'text', text: 'A text.' });
  });

  it('follows a graph of float16, whose 4 bits are called q4f16', async () => {
    const { actions, get } = await scored({}, { adjust: (one) => ({ ...one, dtype: 'fp16' }) });
    expect(quantiseRequest(get())!.dtype).toBe('q4f16');
    actions.setQuantiseDtype('q4');
    expect(quantiseObstacle(get())).toContain('q4f16');
  });

  it('is estimated, and what cannot be done is said before it starts', async () => {
    const page = await planned();
    const { actions, get, studio } = page;
    await actions.estimateQuantise();
    expect(quantiseEstimate(get())).toMatchObject({ value: { bytes: 3_000_000 }, stale: false });
    actions.setQuantise({ block: 64 });
    expect(quantiseEstimate(get()).stale).toBe(true);
    const nothing = 'Nothing of this model is left to quantise.';
    studio.failNext('estimateQuantise', new EspalierError('unsupported-graph', nothing));
    await actions.estimateQuantise();
    expect(quantiseObstacle(get())).toBe(nothing);
    actions.setQuantise({ head: 8 });
    expect(quantiseObstacle(get())).toBeNull();
  });
});

describe('a quantisation', () => {
  it('shows sensitivities as they come, is paused, and counts for its plan', async () => {
    const page = await planned({ stepMs: 12 });
    const { actions, get } = page;
    actions.setQuantise({ method: 'gptq' });
    actions.setMixed({ kind: 'bytes', bytes: 5000 });
    const run = actions.quantise();
    await until(() => (get().quantise.running?.sensitivities.size ?? 0) > 2);
    actions.pauseQuantise(true);
    expect(get().quantise).toMatchObject({ paused: true, running: { notes: [expect.anything()] } });
    await run;
    expect(called(page, 'pause')).toEqual([[true], [false]]);
    const [kept] = planQuantisations(get());
    expect(kept).toMatchObject({ dtype: 'q4', quantisation: { removed: [7, 9] } });
    expect(get().view.announcement).toContain('Perplexity on evaluation.txt 55.1');
    const measured = kept!.matrices.filter(({ sensitivity }) => sensitivity !== null);
    expect(measured).toHaveLength(10);
    // Measured on the windows of the curve already: the page asks for nothing.
    expect(activeQuantisation(get())!.key).toBe(kept!.id);
    expect(called(page, 'plan').every((args) => args.length === 1)).toBe(true);
    expect(effectView(get()).quantised).toMatchObject({ nll: 4.01, quantised: kept!.id });
    expect(presentRow(page)).toMatchObject({
      name: '−2: 7, 9, 4 bits (GPTQ, mixed)',
      nll: 4.01,
      fileBytes: 3_000_000,
      quantised: kept,
    });
    expect(verdictView(get())).toMatchObject({
      evidence: { on: 'evaluation.txt', kl: 0.1 },
      isThin: false,
    });
  });

  it('is measured by its bytes where it was not on this curve, and run for speed', async () => {
    const page = await planned();
    const { actions, get } = page;
    await actions.quantise();
    await actions.score();
    await until(() => effectView(get()).quantised !== null);
    const [kept] = planQuantisations(get());
    expect(last(page, 'plan')).toEqual([[7, 9], undefined, kept!.id]);
    await actions.measureSpeed('quick');
    const [request] = page.meter.calls.at(-1)!.args as [{ steps: { step: string }[] }];
    expect(request.steps).toMatchObject([
      { step: 'quantise', dtype: 'q4', quantisation: { id: kept!.quantisation.id } },
    ]);
    expect(speedView(get())).toMatchObject({ stale: false, pruned: {} });
    expect(presentRow(page)).toMatchObject({
      key: expect.stringContaining(kept!.id),
      gain: expect.anything(),
    });
    // The pruned plan has a speed and a row of its own.
    await actions.setDtype(null);
    expect(speedView(get()).stale).toBe(true);
    expect(presentRow(page)).toMatchObject({ key: '7,9', measure: null });
  });

  it('is a row that brings back plan, precision and settings', async () => {
    const page = await planned();
    const { actions, get } = page;
    actions.setQuantise({ method: 'hqq', block: 64 });
    await actions.quantise();
    const { key, name } = presentRow(page);
    expect(name).toBe('−2: 7, 9, 4 bits (HQQ, block 64)');
    actions.applyVariant('');
    expect(get().export.dtype).toBeNull();
    actions.setQuantise({ method: 'rtn', block: 16 });
    actions.applyVariant(key);
    expect(get()).toMatchObject({
      plan: { present: { removed: [7, 9] } },
      export: { dtype: 'q4' },
      quantise: { form: { settings: { method: 'hqq', block: 64 } } },
    });
    expect(presentRow(page).key).toBe(key);
    await actions.forgetAllQuantisations();
    expect(activeQuantisation(get())).toBeNull();
    expect(variantRows(get()).find((row) => row.key === key)?.name).toBe('−2: 7, 9, quantised');
  });

  it('of the original is held against it, with nothing removed', async () => {
    const page = await scored();
    const { actions, get } = page;
    await actions.quantise();
    const { original, quantised, pruned } = effectView(get());
    expect([pruned === original, quantised!.nll]).toEqual([true, 4.03]);
    expect(presentRow(page).name).toBe('original, 4 bits (RTN)');
    expect(verdictView(get())).toMatchObject({ evidence: { on: 'evaluation.txt' } });
  });

  it('that is cut off is offered, with half the memory after that ran out', async () => {
    const page = await planned();
    const { actions, get, studio } = page;
    actions.setQuantise({ method: 'gptq' });
    const request = quantiseRequest(get())!;
    studio.failNext('quantise', new EspalierError('out-of-memory', 'No memory left.'));
    await actions.quantise();
    expect(remedyOf(get(), 'quantise')?.label).toContain('Quantise again with half the memory');
    actions.setRemoved([]);
    actions.setQuantise({ method: 'rtn' });
    const device = { kind: 'wasm', name: 'fake wasm' } as const;
    const job = { job: 'quantise', request, key: 'k', device, done: 3, total: 9 } as const;
    await actions.resume({ ...job, missing: [], savedAt: 1 });
    expect(last(page, 'quantise')![0]).toMatchObject({
      removed: [7, 9],
      settings: request.settings,
    });
    expect(get().quantise.form.settings.method).toBe('gptq');
    await actions.resume({ ...job, missing: ['book.txt'], savedAt: 1 });
    expect(get().errors.quantise?.message).toContain('book.txt was too long');
    expect(called(page, 'quantise')).toHaveLength(2);
  });
});

describe('an export in few bits', () => {
  it('needs no quantisation for RTN and HQQ, and one for what a text decides', async () => {
    const page = await planned();
    const { actions, get } = page;
    expect(dtypeObstacle(get(), 'q4')).toBeNull();
    actions.setQuantise({ method: 'gptq' });
    expect(dtypeObstacle(get(), 'q4')).toContain('quantise the plan first');
    expect(dtypeObstacle(get(), 'q8')).toBeNull();
    // Its size is known all the same, and its speed can be measured.
    await actions.setDtype('q4');
    expect(exportSize(get())?.bytes).toBeGreaterThan(0);
    await actions.measureSpeed('quick');
    expect(get().errors.speed).toBeUndefined();
    await actions.exportModel('pruned');
    expect(get().errors.export?.message).toContain('quantise the plan first');
    actions.setMixed({ kind: 'bytes' });
    expect(dtypeObstacle(get(), 'q4f16')).toContain('chosen by a text');
    actions.setMixed({ kind: 'off' });
    await actions.quantise();
    // What GPTQ computed serves both precisions of 4 bits; only one of them was measured.
    expect(writtenAs(get(), 'q4f16')).toMatchObject({ by: 'result', result: { dtype: 'q4' } });
    await actions.exportModel('pruned');
    expect(last(page, 'export')![0]).toMatchObject({
      removed: [7, 9],
      steps: [{ step: 'quantise', dtype: 'q4', quantisation: { settings: { method: 'gptq' } } }],
    });
  });

  it('writes several precisions, each by its own quantisation', async () => {
    const page = await planned();
    const { actions, get } = page;
    await actions.setDtype('q4');
    await actions.setAlso(null, true);
    await actions.setAlso('q4f16', true);
    await actions.setAlso('q4', true);
    expect(bytesAlso(get())).toBeGreaterThan(0);
    await actions.exportModel('pruned');
    const [{ steps, also }] = last(page, 'export') as [{ steps: unknown; also: unknown }];
    const few = (dtype: string) => ({ step: 'quantise', dtype, quantisation: { removed: [7, 9] } });
    expect(steps).toMatchObject([few('q4')]);
    expect(also).toMatchObject([[], [{ step: 'float16' }, few('q4f16')]]);
  });
});

it('what was kept counts from the start, the one in use before newer ones', async () => {
  const request = {
    removed: [7, 9],
    dtype: 'q4',
    forms: {},
    mixed: null,
    data: QUANTISE_DATA,
    device: 'auto',
  } as const;
  const of = (method: 'rtn' | 'hqq', healing?: string): KeptQuantisation =>
    fakeQuantised({
      ...request,
      healing,
      removed: [7, 9],
      settings: {
        method,
        bits: 4,
        block: 32,
        symmetric: false,
        floatZeros: true,
        embedding: 'keep',
        head: 'keep',
        accuracyLevel: 0,
      },
    });
  const lost = of('rtn', 'erased');
  const page = await planned({ quantisations: [of('rtn'), of('hqq'), lost] });
  const { actions, get } = page;
  const method = () => {
    const written = writtenAs(get(), 'q4');
    return written.by === 'result' ? written.result.quantisation.settings.method : written.by;
  };
  expect(method()).toBe('rtn');
  actions.useQuantisation(of('hqq').id);
  expect(method()).toBe('hqq');
  actions.setRemoved([7]);
  expect(method()).toBe('settings');
  actions.undo();
  expect(method()).toBe('hqq');
  // One of a healing that is no longer kept is said to be so.
  expect(hasLostHealing(get(), of('rtn'))).toBe(false);
  expect(hasLostHealing(get(), lost)).toBe(true);
  actions.useQuantisation(lost.id);
  expect(get().errors.quantise?.message).toContain('no longer kept');
});
