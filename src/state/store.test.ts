// The store on the stand-in studio: the whole path from the sample to a verified export, and what
// errors and cancels leave behind.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cancelled, EspalierError, toReport } from '../errors.ts';
import { golden, samplePath } from '../testing/fixtures.ts';
import type { Unit } from '../units.ts';
import { WORKSPACES } from '../words/workspaces.ts';
import { COMMANDS, command } from './commands.ts';
import { droppable } from './criteria/orders.ts';
import { effectView } from './effect/selectors.ts';
import { SAMPLE_FILES, sampleSource } from './open/sample.ts';
import { isOwnChoice } from './plan/selectors.ts';
import { primaryCommand } from './primaryCommand.ts';
import {
  curveView,
  measuredOn,
  runningOn,
  settingsChanged,
  stoppedAfter,
} from './score/selectors.ts';
import { windowsOf } from './score/text.ts';
import { createStudioStore } from './store.ts';
import { fakeMeter } from './testing/fakeMeter.ts';
import { createFakeStudio, type FakeOptions, type SampleNumbers } from './testing/fakeStudio.ts';
import { noDisk } from './testing/setUp.ts';

const numbers = golden<SampleNumbers>('sample');

function setUp(options: FakeOptions = {}, hash = '', played = numbers) {
  const fake = createFakeStudio(played, options);
  let address = hash;
  let clock = 0;
  const write = (next: string) => {
    address = next;
  };
  const store = createStudioStore(
    {
      api: fake.api,
      disk: noDisk,
      sample: sampleSource('http://localhost/espalier/'),
      meter: fakeMeter().api,
      planDelayMs: 5,
      now: () => {
        clock += 5000;
        return clock;
      },
    },
    { read: () => address, write },
  );
  const get = () => store.state.getState();
  return { fake, store, actions: store.actions, get, hash: () => address, setHash: write };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('It did not happen.');
}

async function scored(options: FakeOptions = {}, hash = '', played = numbers) {
  const all = setUp(options, hash, played);
  await all.actions.openSample();
  await all.actions.score();
  return all;
}

describe('opening', () => {
  it('knows the true sizes of the sample files', () => {
    for (const { path, size } of SAMPLE_FILES)
      expect([path, statSync(join(samplePath(), path)).size]).toEqual([path, size]);
  });

  it('opens the sample without a question and keeps its other graphs', async () => {
    const { actions, get } = setUp({ severalGraphs: true });
    expect(await actions.openSample()).toBe(true);
    expect(get().model.current?.summary.graph).toBe('onnx/model.onnx');
    expect(get().model.current?.graphs.map((graph) => graph.dtype)).toEqual(['fp32', 'q4']);
    expect(get().model.chooser).toBeNull();
  });

  it('asks which graph to open for any other folder', async () => {
    const { actions, get } = setUp({ severalGraphs: true });
    await actions.openSource({ kind: 'files', name: 'mine', files: [] });
    expect(get().model.chooser?.graphs).toHaveLength(2);
    await actions.chooseGraph('onnx/model_q4.onnx');
    expect(get().model.current?.summary.graph).toBe('onnx/model_q4.onnx');
    expect(get().model.current?.graphs).toHaveLength(2);
  });

  it('keeps the open model, its plan and its curve when another folder fails', async () => {
    const { actions, get, fake } = await scored();
    actions.toggle(3);
    fake.failNext(
      'open',
      new EspalierError('unsupported-graph', 'The graph has no blocks.', 'Try another export.'),
    );
    await actions.openSource({ kind: 'files', name: 'other', files: [] });
    expect(get().errors.open?.message).toBe('The graph has no blocks.');
    expect(get().model.current?.summary.name).toBe('sample');
    expect(get().plan.present.removed).toEqual([3]);
    expect(get().score.curve).not.toBeNull();
  });

  it('takes the plan of the address on the first open only', async () => {
    const { actions, get, hash } = setUp({}, '#plan=3,7-9,99');
    await actions.openSample();
    expect(get().plan.present.removed).toEqual([3, 7, 8, 9]);
    expect(hash()).toBe('#plan=3,7-9');
    await actions.openSource({ kind: 'files', name: 'other', files: [] });
    expect(get().plan.present.removed).toEqual([]);
    expect(hash()).toBe('');
  });
});

describe('scoring', () => {
  it('gives the golden numbers, their order and what they were measured on', async () => {
    const { get } = await scored();
    const view = curveView(get());
    expect(Math.exp(view.baseline!.nll)).toBeCloseTo(41.2582, 3);
    expect(view.points[7]!.nll).toBeCloseTo(3.7423, 3);
    expect(get().score.curve!.result.order[0]).toBe(7);
    expect(measuredOn(get())).toBe('10 windows × 128 tokens, bundled text, CPU (wasm)');
  });

  it('grows, and a cancel keeps the curve that was there', async () => {
    const { actions, get } = await scored({ stepMs: 25 });
    const before = get().score.curve;
    const second = actions.score();
    await until(() => (get().score.running?.blocks.length ?? 0) > 2);
    expect(curveView(get()).growing).toBe(true);
    expect(primaryCommand(get())).toBe('cancel');
    await actions.cancel();
    await second;
    expect(get().score.running).toBeNull();
    expect(get().score.curve).toBe(before);
    expect(get().errors).toEqual({});
  });

  it('keeps what a first run had measured when it is cancelled, to be looked at only', async () => {
    const { actions, get } = setUp({ stepMs: 25 });
    await actions.openSample();
    const run = actions.score();
    await until(() => (get().score.running?.blocks.length ?? 0) > 2);
    await actions.cancel();
    await run;
    const known = curveView(get()).points.filter((point) => point.nll !== null).length;
    expect(known).toBeGreaterThan(2);
    expect(known).toBeLessThan(16);
    expect(stoppedAfter(get())).toBe(
      `stopped after ${known} of 16 blocks, 10 windows × 128 tokens, bundled text, CPU (wasm)`,
    );
    expect(droppable(get())).toBe(0);
    expect(primaryCommand(get())).toBe('find-plan');
    await actions.score();
    expect(stoppedAfter(get())).toBe('');
    expect(curveView(get()).points.every((point) => point.nll !== null)).toBe(true);
  });

  it('shows an error without losing plan or curve', async () => {
    const { actions, get, fake } = await scored();
    actions.toggle(4);
    const before = get().score.curve;
    fake.failNext('score', new EspalierError('device-lost', 'The GPU went away.', 'Score again.'));
    await actions.score();
    expect(get().errors.score?.code).toBe('device-lost');
    expect(get().score.curve).toBe(before);
    expect(get().plan.present.removed).toEqual([4]);
    await actions.score();
    expect(get().errors.score).toBeUndefined();
  });

  it('says when the settings are no longer those of the curve', async () => {
    const { actions, get } = await scored();
    expect(primaryCommand(get())).toBe('find-plan');
    actions.toggle(3);
    expect(primaryCommand(get())).toBe('export');
    actions.setSettings({ samples: 4 });
    expect(settingsChanged(get())).toBe(true);
    expect(primaryCommand(get())).toBe('score');
    actions.setSettings({ samples: 10 });
    expect(settingsChanged(get())).toBe(false);
  });

  it('estimates the memory of the settings before it starts', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    await until(() => get().score.memory !== null);
    const { total } = get().score.memory!;
    actions.setSettings({ samples: 20 });
    await until(() => get().score.memory !== null);
    expect(get().score.memory!.total).toBeGreaterThan(total);
  });

  it('refuses token ids that are none, and keeps the settings', async () => {
    const { actions, get } = await scored();
    actions.setText('ids.json', '[[1, 2, -3]]');
    expect(get().errors.score?.message).toContain('-3');
    expect(get().score.settings.text.kind).toBe('bundled');
    actions.setText('ids.json', '{"windows": [[1, 2, 3]]}');
    expect(get().score.settings.text).toEqual({
      kind: 'ids',
      name: 'ids.json',
      windows: [[1, 2, 3]],
    });
  });
});

describe('a run and the settings of the page', () => {
  it('tells what grows by its own settings, and the old curve by its own', async () => {
    const { actions, get } = await scored({ stepMs: 10 });
    actions.setSettings({ samples: 4, length: 64 });
    const run = actions.score();
    await until(() => get().score.running?.device != null);
    actions.setText('own.txt', 'It was a dark night.');
    expect(runningOn(get())).toBe('4 windows × 64 tokens, bundled text, CPU (wasm)');
    expect(measuredOn(get())).toBe('10 windows × 128 tokens, bundled text, CPU (wasm)');
    await run;
    expect(settingsChanged(get())).toBe(true);
  });

  it('counts given ids as they are, and leaves them behind with their model', async () => {
    const { actions, get } = setUp();
    await actions.openSample();
    actions.setText('ids.json', '[[1, 2, 3], [4, 5, 6]]');
    expect(windowsOf(get().score.settings)).toBe('2 windows × 3 tokens');
    await actions.openSource(get().model.current!.source, 'onnx/model_q4.onnx');
    expect(get().score.settings.text.kind).toBe('ids');
    await actions.openSource({ kind: 'files', name: 'other', files: [] });
    expect(get().score.settings.text.kind).toBe('bundled');
  });

  it('says that opening another model stopped a run', async () => {
    const { actions, get } = await scored({ stepMs: 10 });
    const run = actions.score();
    await actions.openSource({ kind: 'files', name: 'other', files: [] });
    expect(get().view.toast?.text).toBe('Opening other stopped scoring of sample.');
    await actions.cancel();
    await run;
  });

  it('gives a single window no interval and no equals', async () => {
    const one: SampleNumbers = {
      ...numbers,
      windows: numbers.windows.slice(0, 1),
      baseline_nll_per_sample: numbers.baseline_nll_per_sample.slice(0, 1),
      loo_nll_per_sample: numbers.loo_nll_per_sample.map((values) => values.slice(0, 1)),
    };
    const { get } = await scored({}, '', one);
    expect(
      curveView(get()).points.every(
        (point) => point.nll !== null && Number.isNaN(point.low) && point.group === '',
      ),
    ).toBe(true);
    expect(measuredOn(get())).toBe('1 window × 128 tokens, bundled text, CPU (wasm)');
  });
});

describe('the plan', () => {
  it('drops the lowest k in the golden order, and refuses more than are unlocked', async () => {
    const { actions, get } = await scored();
    actions.dropLowest(4);
    expect(get().plan.present.removed).toEqual(
      [...numbers.ppl_order.slice(0, 4)].sort((a, b) => a - b),
    );
    actions.lockEnds(true);
    expect(get().plan.present.removed).toEqual([7, 8, 9]);
    expect(droppable(get())).toBe(10);
    actions.dropLowest(11);
    expect(get().plan.refusal).toContain('11');
    expect(get().plan.present.removed).toEqual([7, 8, 9]);
    actions.undo();
    expect(get().plan.refusal).toBe('');
    expect(get().plan.present.locked).toEqual([]);
  });

  it('undoes and redoes, and the address follows', async () => {
    const { actions, get, hash } = await scored();
    actions.toggle(3);
    actions.setRange(7, 9, true);
    expect(hash()).toBe('#plan=3,7-9');
    actions.undo();
    expect(hash()).toBe('#plan=3');
    actions.redo();
    expect(get().plan.present.removed).toEqual([3, 7, 8, 9]);
    actions.setRange(9, 8, false);
    expect(hash()).toBe('#plan=3,7');
  });

  it('never removes a locked or unremovable block', async () => {
    const adjust: FakeOptions['adjust'] = (summary) => ({
      ...summary,
      blocks: summary.blocks.map((block) =>
        block.index === 2 ? { ...block, unremovable: 'its output is a model output.' } : block,
      ),
    });
    const { actions, get } = await scored({ adjust });
    actions.setLock(1, true);
    actions.setRange(0, 3, true);
    expect(get().plan.present.removed).toEqual([0, 3]);
    actions.toggle(2);
    expect(get().view.toast?.text).toContain('cannot be removed');
    actions.toggle(1);
    expect(get().view.toast?.text).toContain('locked');
    expect(get().plan.present.removed).toEqual([0, 3]);
  });

  it('removes a block that lends its cache together with those that read it', async () => {
    const unremovable = 'Block 2 lends its cache to blocks 5 and 6: only together.';
    const adjust: FakeOptions['adjust'] = (summary) => ({
      ...summary,
      blocks: summary.blocks.map((block) =>
        block.index === 2 ? { ...block, unremovable, borrowers: [5, 6] } : block,
      ),
    });
    const { actions, get } = await scored({ adjust });
    const removed = (): readonly Unit[] => get().plan.present.removed;
    actions.toggle(2);
    expect(removed()).toEqual([2, 5, 6]);
    expect(get().view.toast?.text).toBe(
      'Removed together: block 2 and blocks 5 and 6, which read its cache.',
    );
    actions.toggle(6);
    expect(removed()).toEqual([5]);
    expect(get().view.toast?.text).toBe(
      'Put back together: block 6 and block 2, whose cache it reads.',
    );
    actions.setRange(1, 3, true);
    expect(removed()).toEqual([1, 3, 5]);
    actions.setRange(1, 6, true);
    expect(removed()).toEqual([1, 2, 3, 4, 5, 6]);
    actions.setLock(5, true);
    expect(removed()).toEqual([1, 3, 4, 6]);
    actions.toggle(2);
    expect(get().view.toast?.text).toContain('together with block 5, which is locked');
    actions.setRemoved([2, 5]);
    expect(removed()).toEqual([5]);
    actions.setLock(5, false);
    actions.dropLowest(14);
    expect(removed()).not.toContain(2);
  });

  it('keeps one block, and says how many may go', async () => {
    const { actions, get } = await scored();
    expect(droppable(get())).toBe(15);
    actions.dropLowest(16);
    expect(get().plan.refusal).toBe(
      '16 blocks cannot be removed: one of the 16 must stay. Remove at most 15.',
    );
    actions.dropLowest(15);
    expect(get().plan.present.removed).toHaveLength(15);
  });

  it('does not count the lowest k as an own choice when a lower block cannot go', async () => {
    const adjust: FakeOptions['adjust'] = (summary) => ({
      ...summary,
      blocks: summary.blocks.map((block) =>
        block.index === 7 ? { ...block, unremovable: 'its output is a model output.' } : block,
      ),
    });
    const { actions, get } = await scored({ adjust });
    actions.dropLowest(3);
    expect(isOwnChoice(get())).toBe(false);
    actions.toggle(15);
    expect(isOwnChoice(get())).toBe(true);
    actions.dropLowest(16);
    expect(get().plan.refusal).toContain('one of the 16');
  });

  it('follows the address when someone edits it, and sets an unreadable one right', async () => {
    const { actions, get, setHash, hash } = await scored({}, '#plan=%');
    expect(get().plan.present.removed).toEqual([]);
    setHash('#plan=5');
    actions.followAddress();
    expect(get().plan.present.removed).toEqual([5]);
    setHash('#plan=%E0%A4%A');
    actions.followAddress();
    expect(hash()).toBe('#plan=5');
    setHash('');
    actions.followAddress();
    expect(get().plan.present.removed).toEqual([]);
  });
});

describe('the effect', () => {
  it('shows sizes at once and the perplexity when it was measured, stale in between', async () => {
    const { actions, get } = await scored({ stepMs: 5 });
    actions.toggle(7);
    expect(effectView(get()).size).toEqual({
      params: 3_018_880 - 172_288,
      bytes: 12_230_297 - 689_152,
      kvBytesPerToken: 7680,
    });
    expect(effectView(get())).toMatchObject({ stale: true, waiting: true });
    await until(() => !effectView(get()).stale);
    expect(effectView(get()).pruned?.ppl).toBeCloseTo(42.1965, 3);
    actions.toggle(9);
    const between = effectView(get());
    expect(between.stale).toBe(true);
    expect(between.pruned?.ppl).toBeCloseTo(42.1965, 3);
  });

  it('goes back without measuring again', async () => {
    const { actions, get, fake } = await scored();
    actions.toggle(7);
    await until(() => !effectView(get()).stale);
    actions.toggle(9);
    await until(() => !effectView(get()).stale);
    const asked = fake.calls.filter((call) => call.name === 'plan').length;
    actions.undo();
    expect(effectView(get()).stale).toBe(false);
    expect(fake.calls.filter((call) => call.name === 'plan')).toHaveLength(asked);
  });

  it('asks once for a burst of changes', async () => {
    const { actions, get, fake } = await scored();
    for (let k = 1; k <= 6; k++) actions.dropLowest(k);
    await until(() => !effectView(get()).stale);
    expect(fake.calls.filter((call) => call.name === 'plan')).toHaveLength(1);
  });

  it('keeps the plan when measuring fails, and measures when asked again', async () => {
    const { actions, get, fake } = await scored();
    fake.failNext('plan', new EspalierError('out-of-memory', 'No room.', 'Use fewer windows.'));
    actions.toggle(7);
    await until(() => get().errors.plan !== undefined);
    expect(get().plan.present.removed).toEqual([7]);
    expect(effectView(get())).toMatchObject({ stale: true, waiting: false });
    actions.measureAgain();
    await until(() => !effectView(get()).stale);
    expect(get().errors.plan).toBeUndefined();
  });
});

describe('export', () => {
  it('exports the plan with its scores and shows the verdict', async () => {
    const { actions, get, fake } = await scored();
    actions.toggle(7);
    await until(() => !effectView(get()).stale);
    actions.setTarget('zip');
    await actions.exportModel('pruned');
    expect(get().export.result?.verification.status).toBe('verified');
    const request = fake.calls.find((call) => call.name === 'export')!.args[0];
    expect(request).toMatchObject({
      removed: [7],
      name: 'pruned',
      target: { kind: 'zip-blob' },
      plan: { removed: [7] },
    });
  });

  it('shows a failure as a failure', async () => {
    const { actions, get, fake } = await scored();
    fake.failNext(
      'export',
      new EspalierError('missing-file', 'model.onnx_data is gone.', 'Open the folder again.'),
    );
    await actions.exportModel('pruned');
    expect(get().errors.export?.code).toBe('missing-file');
    expect(get().export).toMatchObject({ running: false, result: null });
    actions.toggle(3);
    expect(get().errors.export).toBeUndefined();
  });
});

describe('a replaced engine', () => {
  it('is asked for device and memory after a slow cancel, not after a fault', async () => {
    const { actions, get, fake } = setUp();
    fake.failNext('device', new EspalierError('cancelled', 'Cancelled.'));
    fake.failNext('memory', new EspalierError('cancelled', 'Cancelled.'));
    await actions.openSample();
    await until(() => !get().device.checking);
    expect(get()).toMatchObject({ device: { report: null }, score: { memory: null }, errors: {} });
    actions.engineReplaced(toReport(cancelled()));
    await until(() => get().device.report !== null && get().score.memory !== null);
    const before = fake.calls.length;
    actions.engineReplaced(toReport(new EspalierError('device-lost', 'The GPU went away.')));
    expect(get().view.toast?.text).toBe('The GPU went away. The engine was restarted.');
    expect(fake.calls).toHaveLength(before);
  });
});

describe('commands', () => {
  it('has unique ids and keys, and is enabled only where it makes sense', async () => {
    const keys = COMMANDS.flatMap((one) => one.keys);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(COMMANDS.map((one) => one.id)).size).toBe(COMMANDS.length);
    const { get, actions } = setUp();
    const enabled = () => COMMANDS.filter((one) => one.enabled(get())).map((one) => one.id);
    expect(enabled()).toEqual(['sample', 'open', 'open-files', 'help']);
    await actions.openSample();
    await actions.checkDevice();
    expect(enabled()).toEqual([
      'sample',
      'open',
      'open-files',
      'find-plan',
      'score',
      'compare-criteria',
      'stability',
      'search',
      'quantise',
      'evaluate',
      'lock-ends',
      'settings',
      'export',
      'interop',
      'report',
      'generate',
      'measure',
      'measure-paper',
      'sweep',
      'compare-width',
      'device',
      'help',
      ...WORKSPACES.map((id) => `workspace-${id}`),
    ]);
    command('lock-ends').run(actions, get());
    expect(get().plan.present.locked).toEqual([0, 1, 2, 3, 14, 15]);
  });
});
