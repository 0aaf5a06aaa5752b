// Healing on the stand-in studio: the form, a run with its losses, what comes of it for the plan,
// and what is kept.

import { describe, expect, it } from 'vitest';
import type { HealRequest } from '../../contract/heal.ts';
import { REFIT_DEFAULTS, TRAIN_DEFAULTS } from '../../contract/healDefaults.ts';
import { EspalierError } from '../../errors.ts';
import { effectView } from '../effect/selectors.ts';
import { evaluationShown, isStaleEvaluation } from '../evaluate/selectors.ts';
import { lossByOpening } from '../kept/selectors.ts';
import { pageTitle } from '../longJob.ts';
import { speedView } from '../speed/selectors.ts';
import { fakeKept } from '../testing/fakeHealing.ts';
import { called, isMeasured, planned } from '../testing/planned.ts';
import { scored, until } from '../testing/setUp.ts';
import { variantRows } from '../variants/variants.ts';
import { verdictView } from '../verdict/selectors.ts';
import { trainedNothing } from './outcome.ts';
import {
  activeHealing,
  healEstimate,
  healObstacle,
  healProblems,
  healRequest,
  planHealings,
  shownHealing,
  trainingCurve,
} from './selectors.ts';

const DONE = {
  device: { kind: 'wasm', name: 'fake wasm' },
  done: 3,
  total: 9,
  savedAt: 1,
} as const;

/** Longer than the page waits before it shows what came. */
const SLOW_MS = 60;

describe('the form', () => {
  it('asks for a plan and says what is wrong with which field', async () => {
    const { actions, get } = await scored();
    expect(healObstacle(get())).toContain('Remove blocks first');
    actions.setRemoved([7]);
    expect(healObstacle(get())).toBeNull();
    actions.setHealMethods(['lora']);
    actions.setTraining({ rank: 0, warmup: 1000, length: 4000 });
    expect([...healProblems(get()).keys()].sort()).toEqual([
      'train.length',
      'train.rank',
      'train.warmup',
    ]);
    // What does not count for the method is not asked.
    actions.setHealMethods(['full']);
    expect(healProblems(get()).has('train.rank')).toBe(false);
    actions.setTraining({ warmup: 0, length: 64, blocks: 16 });
    expect(healObstacle(get())).toBe('1 to 15 blocks, which is as many as are left.');
  });

  it('takes one training, a refit before it, and each kind of text', async () => {
    const { actions, get } = await scored();
    actions.setHealMethods(['lora', 'refit']);
    actions.setHealMethods(['refit', 'lora', 'full']);
    expect(healRequest(get())!.methods.map(({ method }) => method)).toEqual(['refit', 'full']);
    actions.setHealText('own.txt', 'It was a dark night.');
    expect(get().heal.form.data.text).toMatchObject({ kind: 'text', name: 'own.txt' });
    actions.setHealText('rows.txt', '[{"instruction": "Add", "output": "3"}]');
    expect(get().heal.form.data.text.kind).toBe('instructions');
    actions.setHealText('empty.txt', ' ');
    expect(get().errors.heal?.message).toBe('empty.txt is empty.');
    actions.openDraft('foreign');
    actions.setDraft('foreign', 'Another text.');
    actions.takeDraft('foreign');
    expect(get().heal.form.data.foreign).toMatchObject({ kind: 'text', text: 'Another text.' });
    actions.useHealPreset('paper');
    expect(healRequest(get())!.methods).toMatchObject([{ method: 'lora', batch: 64, kl: 0 }]);
  });

  it('is estimated before it starts, and says when an estimate is of another one', async () => {
    const page = await planned({ healSeconds: 12 });
    const { actions, get, studio } = page;
    await actions.estimateHeal();
    expect(healEstimate(get())).toMatchObject({ value: { seconds: 12 }, stale: false });
    actions.setRefit({ samples: 8 });
    expect(healEstimate(get()).stale).toBe(true);
    studio.failNext(
      'estimateHealing',
      new EspalierError('unsupported-op', 'No gradient.', 'Refit.'),
    );
    await actions.estimateHeal();
    expect(healEstimate(get())).toMatchObject({ value: null, error: 'No gradient. Refit.' });
  });
});

describe('a healing', () => {
  it('shows losses as they come, is paused, and becomes the plan as one step of undo', async () => {
    const page = await planned({ stepMs: SLOW_MS });
    const { actions, get } = page;
    actions.setHealMethods(['lora']);
    const run = actions.heal();
    await until(() => (trainingCurve(get())?.losses.length ?? 0) > 1);
    expect(pageTitle(get())).toContain('Healing');
    expect(trainingCurve(get())).toMatchObject({ steps: 4, heldOut: [{ step: 0, loss: 0.35 }] });
    actions.pauseHealing(true);
    expect(get().heal.paused).toBe(true);
    await run;
    expect(called(page, 'pause')).toEqual([[true], [false]]);
    const healing = activeHealing(get())!;
    expect(healing).toMatchObject({ removed: [7, 9], methods: ['lora'] });
    expect(shownHealing(get())).toBe(healing);
    expect(planHealings(get())).toEqual([healing]);
    expect(trainingCurve(get())).toMatchObject({ running: null, kept: 2 });
    await until(() => isMeasured(page));
    expect(called(page, 'plan').at(-1)).toEqual([[7, 9], healing.id]);
    const { pruned, healed } = effectView(get());
    expect(healed!.nll).toBeLessThan(pruned!.nll);
    actions.undo();
    expect([get().plan.present.removed, activeHealing(get())]).toEqual([[7, 9], null]);
    actions.redo();
    expect(activeHealing(get())).toBe(healing);
    // Another plan has none; this one has it again with it.
    actions.toggle(3);
    expect(activeHealing(get())).toBeNull();
    actions.undo();
    expect(activeHealing(get())).toBe(healing);
  });

  it('stops early, and keeps nothing when it is cancelled', async () => {
    const page = await planned({ stepMs: SLOW_MS });
    const { actions, get } = page;
    const run = actions.heal();
    await until(() => get().heal.progress !== null);
    actions.stopHealing();
    expect(get().heal.running?.stopping).toBe(true);
    await run;
    expect(activeHealing(get())?.stoppedAt).toBeGreaterThan(0);
    actions.useHealing(null);
    const again = actions.heal();
    await until(() => get().heal.progress !== null);
    await actions.cancel();
    await again;
    expect([get().heal.running, activeHealing(get())]).toEqual([null, null]);
    expect(get().errors.heal).toBeUndefined();
  });

  it('that makes the plan worse is listed, not used', async () => {
    const page = await planned({ recovers: -0.1 });
    const { actions, get } = page;
    await actions.heal();
    expect(activeHealing(get())).toBeNull();
    expect(planHealings(get())).toHaveLength(1);
    expect(get().view.announcement).toContain('the loss has risen');
    expect(get().view.announcement).toContain('the plan keeps its weights');
  });

  it('whose best state was its start changes nothing, and says what to do', async () => {
    const page = await planned();
    const { actions, get } = page;
    actions.setHealMethods(['lora']);
    const request = healRequest(get())!;
    const { record } = fakeKept(request);
    const steps = record.steps.map((one) => ({ ...one, kept: 0 }));
    page.studio.api.heal = async () => {
      const healing = fakeKept(request, { bytes: 0, record: { ...record, steps } });
      return { healing, gone: [], bytes: 0, mostBytes: 1e9 };
    };
    await actions.heal();
    expect(activeHealing(get())).toBeNull();
    expect(trainedNothing(shownHealing(get())!)).toBe(true);
    expect(get().view.announcement).toContain('Try another learning rate, more steps');
  });

  it('gets a row beside it: the original, trained on the same text', async () => {
    const page = await planned();
    const { actions, get } = page;
    actions.setHealMethods(['lora']);
    await actions.heal();
    const { id } = activeHealing(get())!;
    await actions.runControl(id);
    expect(called(page, 'controlHealing')).toMatchObject([[id]]);
    expect(shownHealing(get())!.record.measured[0]!.control).toBe(3.7);
    expect(activeHealing(get())).toBe(shownHealing(get()));
  });

  it('is resumed with the plan and the settings that it had', async () => {
    const request: HealRequest = {
      removed: [3],
      data: { text: { kind: 'text', name: 'a.txt', text: 'abc' }, heldOut: 0.2, foreign: null },
      methods: [{ ...TRAIN_DEFAULTS, steps: 9 }],
      device: 'auto',
    };
    const job = { job: 'heal', request, missing: [] as string[], key: 'k', ...DONE } as const;
    const page = await planned({ interrupted: [job] });
    const { actions, get } = page;
    await actions.resume({ ...job, missing: ['a.txt'] });
    expect(get().errors.heal?.message).toContain('a.txt was too long');
    expect(called(page, 'heal')).toEqual([]);
    await actions.resume(job);
    expect(called(page, 'heal')[0]![0]).toEqual({ ...request, budgetBytes: undefined });
    expect(get().plan.present.removed).toEqual([3]);
    expect(get().heal.form.train.steps).toBe(9);
  });
});

describe('a healed plan is a variant like any other', () => {
  it('has a row, is evaluated, exported, generated with and measured as it is', async () => {
    const page = await planned();
    const { actions, get, meter } = page;
    await actions.measureSpeed('quick');
    await actions.heal();
    await until(() => isMeasured(page));
    const { id } = activeHealing(get())!;
    const rows = variantRows(get());
    expect(rows.map(({ key }) => key)).toEqual(['', '7,9', `7,9@${id}`]);
    expect(rows[2]).toMatchObject({ name: '−2: 7, 9, refitted', present: true });
    expect(rows[2]!.nll).toBeLessThan(rows[1]!.nll!);
    // The speed of the pruned plan is not claimed as its own.
    expect(rows[2]).toMatchObject({ speedIsOfPruned: true });
    expect(rows[2]!.protocol).toContain('without the healing');
    expect(speedView(get()).notes.join()).toContain('The speed is that of the pruned plan');
    await actions.measureSpeed('quick');
    expect(meter.calls.at(-1)?.args[0]).toMatchObject({
      steps: [{ step: 'healing', healing: { id } }],
    });
    expect(variantRows(get())[2]).toMatchObject({ speedIsOfPruned: false });

    await actions.evaluate();
    expect(called(page, 'evaluate').at(-1)![0]).toMatchObject({ removed: [7, 9], healing: id });
    expect(evaluationShown(get())!.result.healing).toBe(id);
    expect(verdictView(get())).not.toBeNull();
    actions.useHealing(null);
    expect(isStaleEvaluation(get())).toBe(true);
    actions.applyVariant(`7,9@${id}`);
    expect(activeHealing(get())?.id).toBe(id);

    actions.setQuantised('float');
    await actions.exportModel('healed');
    expect(called(page, 'export').at(-1)![0]).toMatchObject({
      removed: [7, 9],
      plan: { healing: id },
      steps: [{ step: 'healing', healing: { id }, quantised: 'float' }],
    });
  });
});

describe('kept healings', () => {
  const request: HealRequest = {
    removed: [7, 9],
    data: { text: { kind: 'bundled' }, heldOut: 0.1, foreign: null },
    methods: [REFIT_DEFAULTS],
    device: 'auto',
  };

  it('are there when the model opens, used with their plan, erased', async () => {
    const kept = fakeKept(request);
    const page = await scored({}, { healings: [kept] });
    const { actions, get } = page;
    await until(() => get().heal.shelf !== null);
    actions.useHealing(kept.id);
    expect(get().plan.present).toMatchObject({ removed: [7, 9], healing: kept.id });
    actions.undo();
    expect(get().plan.present.removed).toEqual([]);
    actions.redo();
    await actions.forgetHealing(kept.id);
    // Never left in force.
    expect(get().plan.present).toMatchObject({ removed: [7, 9] });
    expect(get().plan.present.healing).toBeUndefined();
    expect(get().heal.shelf!.healings).toEqual([]);
  });

  it('that could not be stored are asked about before another model is opened', async () => {
    const page = await planned();
    const { actions, get } = page;
    await actions.heal();
    expect(lossByOpening(get())).toBeNull();
    const { shelf } = get().heal;
    const healings = shelf!.healings.map((one) => ({ ...one, stored: false }));
    page.store.state.setState((state) => ({
      ...state,
      heal: { ...state.heal, shelf: { ...shelf!, healings } },
    }));
    expect(lossByOpening(get())).not.toBeNull();
    await actions.eraseAllKept();
    expect([get().heal.shelf!.healings, activeHealing(get())]).toEqual([[], null]);
  });

  it('make room for new ones, which is said', async () => {
    const old = fakeKept({ ...request, removed: [1] });
    const page = await planned({ healings: [old], mostBytes: 200_000 });
    await page.actions.heal();
    const said = page.get().view.announcement;
    expect(said).toContain('an older healing was erased: −1: 1, refitted');
  });
});
