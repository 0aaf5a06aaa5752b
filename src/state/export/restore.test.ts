// Bringing back a plan and its curve from an espalier.json, and refusing one that belongs
// elsewhere.

import { describe, expect, it } from 'vitest';
import { QUANTISE_DEFAULTS } from '../../contract/quantiseDefaults.ts';
import { writeProvenance } from '../../model/export/provenance.ts';
import { golden } from '../../testing/fixtures.ts';
import { effectView } from '../effect/selectors.ts';
import { sampleSource } from '../open/sample.ts';
import { curveView, measuredOn, remarksOf, settingsChanged } from '../score/selectors.ts';
import { createStudioStore } from '../store.ts';
import { fakeMeter } from '../testing/fakeMeter.ts';
import { createFakeStudio, FAKE_IDENTITY, type SampleNumbers } from '../testing/fakeStudio.ts';
import { noDisk, until } from '../testing/setUp.ts';
import { writtenAs } from './selectors.ts';

const numbers = golden<SampleNumbers>('sample');

function setUp(provenance: string | null = null) {
  const fake = createFakeStudio(numbers, { provenance });
  let dropped: { name: string; files: { path: string; file: File }[] } | null = null;
  const store = createStudioStore(
    {
      api: fake.api,
      disk: { ...noDisk, readDrop: async () => dropped },
      sample: sampleSource('http://localhost/'),
      meter: fakeMeter().api,
      planDelayMs: 0,
      now: () => 0,
    },
    { read: () => '', write: () => {} },
  );
  return {
    fake,
    actions: store.actions,
    get: store.state.getState,
    drop(name: string, text: string) {
      dropped = { name, files: [{ path: name, file: new File([text], name) }] };
      // Node has no DataTransfer; the port above does not look at it.
      return store.actions.drop({} as DataTransfer);
    },
  };
}

/** The file an export of blocks 7 and 9 would carry, made from a scored sample. */
async function exported(change: (text: string) => string = (text) => text): Promise<string> {
  const { actions, get, fake } = setUp();
  await actions.openSample();
  await actions.score();
  const plan = await fake.api.plan([7, 9], () => {});
  return change(
    writeProvenance({
      app: '0.1.0',
      source: { name: 'sample', family: 'llama', numBlocks: 16, ...FAKE_IDENTITY },
      removed: [7, 9],
      renumbering: [],
      score: get().score.curve!.result,
      plan,
      versions: {},
    }),
  );
}

describe('restore', () => {
  it('brings back plan and curve without scoring', async () => {
    const { actions, get, fake, drop } = setUp();
    await actions.openSample();
    await drop('espalier.json', await exported());
    expect(get().errors).toEqual({});
    expect(get().plan.present.removed).toEqual([7, 9]);
    expect(Math.exp(curveView(get()).baseline!.nll)).toBeCloseTo(41.2582, 3);
    expect(measuredOn(get())).toContain('from a file');
    expect(fake.calls.some((call) => call.name === 'score')).toBe(false);
    expect(fake.calls.find((call) => call.name === 'useWindows')?.args[0]).toEqual(numbers.windows);
    await until(() => !effectView(get()).stale);
  });

  it('brings back the precision that the export was written in', async () => {
    const { actions, get, fake, drop } = setUp();
    await actions.openSample();
    await drop(
      'espalier.json',
      await exported((text) =>
        text.replace('"versions": {}', '"steps": [{ "step": "float16" }], "versions": {}'),
      ),
    );
    expect(get().errors).toEqual({});
    expect(get().export.dtype).toBe('fp16');
    expect(get().export.sizes[0]?.written.total).toBeGreaterThan(0);
    await actions.exportModel('mine');
    const request = fake.calls.find(({ name }) => name === 'export')?.args[0];
    expect(request).toMatchObject({ removed: [7, 9], steps: [{ step: 'float16' }] });
    await drop('espalier.json', await exported());
    expect(get().export.dtype).toBeNull();
  });

  it('brings back how few bits were made, and says what is not in the file', async () => {
    const { actions, get, drop } = setUp();
    await actions.openSample();
    const of = (method: 'rtn' | 'gptq') => ({
      step: 'quantise',
      dtype: 'q4',
      quantisation: {
        id: 'aa',
        removed: [7, 9],
        healing: null,
        settings: { ...QUANTISE_DEFAULTS, method, block: 64 },
        forms: { 'a.weight': 8 },
        computed: 2,
        record: { text: null, mixed: { kind: 'bytes', bytes: 9 }, measured: [] },
      },
    });
    const file = (method: 'rtn' | 'gptq') =>
      exported((text) =>
        text.replace('"versions": {}', `"steps": [${JSON.stringify(of(method))}], "versions": {}`),
      );
    await drop('espalier.json', await file('rtn'));
    expect(get().errors).toEqual({});
    expect(get().view.toast?.text).toBe('Plan and curve were restored.');
    // Forms that a text has chosen make the same bytes as by hand.
    const forms = { 'a.weight': 8 };
    expect(get().quantise.form).toMatchObject({ settings: { block: 64 }, forms });
    expect(writtenAs(get(), 'q4')).toMatchObject({ by: 'settings', forms });
    await drop('espalier.json', await file('gptq'));
    expect(get().view.toast?.text).toContain('quantise the plan again');
    expect([get().export.dtype, writtenAs(get(), 'q4').by]).toEqual(['q4', 'nothing']);
  });

  it('brings back the settings of the curve, and keeps the locks of other blocks', async () => {
    const { actions, get, drop } = setUp();
    await actions.openSample();
    const text = await exported();
    actions.setSettings({ samples: 3, seed: 5 });
    actions.setLock(2, true);
    await drop('mine.json', text);
    expect(get().score.settings).toMatchObject({
      text: { kind: 'bundled' },
      samples: 10,
      length: 128,
      seed: 0,
      bos: 'none',
    });
    expect(settingsChanged(get())).toBe(false);
    expect(get().plan.present).toMatchObject({ removed: [7, 9], locked: [2] });
    actions.setSettings({ budgetBytes: 3e6 });
    expect(settingsChanged(get())).toBe(false);
    actions.setSettings({ samples: 4 });
    expect(settingsChanged(get())).toBe(true);
  });

  it('says when the text of the curve is not at hand', async () => {
    const { actions, get, drop } = setUp();
    await actions.openSample();
    await drop(
      'espalier.json',
      await exported((text) => text.replace('"text": "bundled"', '"text": "emma.txt"')),
    );
    expect(settingsChanged(get())).toBe(true);
    expect(get().score.curve?.notes.join()).toContain('emma.txt');
  });

  it('brings back what makes the curve doubtful, apart from the notes', async () => {
    const { actions, get, drop } = setUp();
    await actions.openSample();
    expect(remarksOf(get())).toEqual({ warnings: [], notes: [], details: [] });
    const doubt = 'float16 overflows in this model.';
    await drop(
      'espalier.json',
      await exported((text) =>
        text.replace('"rewrites": []', `"rewrites": ["a"], "warnings": ["${doubt}"]`),
      ),
    );
    const details = ['Graph rewritten for scoring: a.'];
    expect(remarksOf(get())).toEqual({ warnings: [doubt], notes: [], details });
    const { result } = get().score.curve!;
    actions.takeCurve(result, '', false, [doubt, 'Fewer windows.']);
    expect(remarksOf(get())).toEqual({ warnings: [doubt], notes: ['Fewer windows.'], details });
  });

  it('says what an exported folder was made from', async () => {
    const { actions, get } = setUp(await exported());
    await actions.openSample();
    expect(get().model.current?.madeFrom).toMatchObject({
      sourceName: 'sample',
      removed: [7, 9],
      numBlocks: 16,
    });
  });

  it('opens a folder whose espalier.json is broken, and says that it is', async () => {
    const { actions, get } = setUp('{"format": 1}');
    expect(await actions.openSample()).toBe(true);
    expect(get().model.current?.madeFrom).toBeNull();
    expect(get().errors.restore?.message).toContain('format');
  });

  it('refuses a file that was made from another model, and keeps what is there', async () => {
    const { actions, get, drop } = setUp();
    await actions.openSample();
    await actions.score();
    actions.toggle(3);
    await drop(
      'espalier.json',
      await exported((text) => text.replace('"numBlocks": 16', '"numBlocks": 24')),
    );
    expect(get().errors.restore?.message).toContain('24 blocks');
    expect(get().plan.present.removed).toEqual([3]);
    await drop(
      'espalier.json',
      await exported((text) => text.replace('"weightsSha256": "bb"', '"weightsSha256": "cc"')),
    );
    expect(get().errors.restore?.message).toContain('weights');
    expect(get().score.curve?.restored).toBe(false);
  });

  it('does not open a folder under a running export', async () => {
    const { actions, get, fake, drop } = setUp();
    await actions.openSample();
    const run = actions.exportModel('pruned');
    await Promise.resolve();
    await drop('model.onnx', '');
    expect(get().view.toast?.text).toContain('an export is running');
    await run;
    expect(get().export.result?.verification.status).toBe('verified');
    expect(fake.calls.filter((call) => call.name === 'open')).toHaveLength(1);
  });

  it('needs an open model, and takes texts and ids for what they are', async () => {
    const { actions, get, drop } = setUp();
    await drop('espalier.json', await exported());
    expect(get().errors.restore?.message).toContain('no model is open');
    await actions.openSample();
    await drop('notes.txt', 'Emma Woodhouse, handsome, clever, and rich.');
    expect(get().score.settings.text).toEqual({ kind: 'bundled' });
    actions.answerDropped('score');
    expect(get().view.dropped).toBeNull();
    expect(get().score.settings.text).toMatchObject({ kind: 'text', name: 'notes.txt' });
    await drop('novel.txt', 'All happy families are alike.');
    actions.answerDropped('evaluate');
    expect(get().score.settings.text).toMatchObject({ name: 'notes.txt' });
    expect(get().evaluate.form.text).toMatchObject({ kind: 'text', name: 'novel.txt' });
    await drop('espalier-windows.json', '[[1, 2, 3]]');
    expect(get().score.settings.text).toMatchObject({ kind: 'ids', windows: [[1, 2, 3]] });
  });
});
