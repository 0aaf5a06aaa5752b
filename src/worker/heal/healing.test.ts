// Healings of the studio on the real runtime in Node: what is kept and measured, stopped, resumed
// by another engine, erased.

import { expect, test } from 'vitest';
import type { HealEvent, HealRequest, RefitSettings, TrainSettings } from '../../contract/heal.ts';
import { REFIT_DEFAULTS, TRAIN_DEFAULTS } from '../../contract/healDefaults.ts';
import { calibrationText } from '../../testing/fixtures.ts';
import { browser } from '../testing/engines.ts';

const nothing = (): void => {};
const PLAN = [1, 3];
const LENGTH = 24;
const TEXT = calibrationText().slice(0, 12_000);

const request = (
  method: Partial<RefitSettings> | Partial<TrainSettings>,
  fields: Partial<HealRequest> = {},
): HealRequest => ({
  removed: PLAN,
  data: { text: { kind: 'text', name: 'a.txt', text: TEXT }, heldOut: 0.2, foreign: null },
  methods: [
    method.method === 'refit'
      ? { ...REFIT_DEFAULTS, samples: 8, length: LENGTH, ...(method as Partial<RefitSettings>) }
      : {
          ...TRAIN_DEFAULTS,
          steps: 3,
          batch: 1,
          length: LENGTH,
          warmup: 1,
          heldOutEvery: 1,
          ...(method as Partial<TrainSettings>),
        },
  ],
  device: 'wasm',
  ...fields,
});

test('a refit is kept, measured as a plan, and back in another engine', async () => {
  const fresh = browser();
  const studio = await fresh();
  expect((await studio.healings()).healings).toEqual([]);
  const estimate = await studio.estimateHealing(request({ method: 'refit' }));
  expect(estimate.seconds).toBeGreaterThan(0);
  const { healing, bytes } = await studio.heal(request({ method: 'refit' }), nothing);
  expect(healing.bytes).toBe(estimate.bytes);
  expect(healing).toMatchObject({
    removed: PLAN,
    methods: ['refit'],
    stored: true,
    passing: false,
    record: { removed: PLAN, text: { name: 'a.txt' } },
  });
  expect(healing.bytes).toBeGreaterThan(0);
  expect(bytes).toBeGreaterThanOrEqual(healing.bytes);
  expect(healing.record.measured.map(({ set }) => set)).toEqual(['fit', 'held-out']);

  expect(await studio.adapterObstacle(healing.id)).toContain('a refit or a full training');

  const windows = [0, 1].map((row) => Array.from({ length: LENGTH }, (_, t) => 300 + 7 * row + t));
  await studio.useWindows(windows, 'wasm');
  const pruned = await studio.plan(PLAN, nothing);
  const healed = await studio.plan(PLAN, nothing, healing.id);
  expect(pruned.healing).toBeUndefined();
  expect(healed.healing).toBe(healing.id);
  expect(healed.nll).not.toBe(pruned.nll);

  const other = await fresh();
  expect((await other.healings()).healings).toEqual([healing]);
  const whole = await other.healing(healing.id);
  expect(whole).toMatchObject({ id: healing.id, removed: PLAN, record: healing.record });
  expect(whole.changes.map(({ kind }) => kind)).toEqual(['replaced', 'replaced']);
  await other.useWindows(windows, 'wasm');
  expect((await other.plan(PLAN, nothing, healing.id)).nll).toBeCloseTo(healed.nll, 9);
  expect((await other.forgetHealing(healing.id)).healings).toEqual([]);
  await expect(other.healing(healing.id)).rejects.toThrow(/no longer there/);
});

test('a training stops early, and the original is trained as long beside it', async () => {
  const studio = await browser()();
  const events: HealEvent[] = [];
  const { healing } = await studio.heal(request({ method: 'lora', steps: 50 }), (event) => {
    events.push(event);
    if (event.type === 'step' && event.step === 2) void studio.stopHealing();
  });
  const steps = events.filter(({ type }) => type === 'step');
  expect(steps.length).toBeGreaterThanOrEqual(2);
  expect(steps.length).toBeLessThan(50);
  expect(healing.stoppedAt).toBe(steps.length);
  const [step] = healing.record.steps;
  expect(step!.losses).toHaveLength(steps.length);

  expect(await studio.adapterObstacle(healing.id)).toBeNull();
  const saved = await studio.saveAdapter({
    healing: healing.id,
    name: 'tuned',
    target: { kind: 'zip-blob' },
    original: 'me/original',
  });
  expect(saved.files.map(({ path }) => path)).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'README.md',
    'prune.py',
  ]);
  expect(saved.blob!.size).toBeGreaterThan(saved.bytes);

  const controlled = await studio.controlHealing(healing.id, nothing);
  const [row] = controlled.record.measured;
  expect(row!.control).not.toBeNull();
  expect(row!.control).not.toBe(row!.healed);
  expect((await studio.healings()).healings).toEqual([controlled]);
});

test('a training is paused and cancelled, and another engine resumes it bit by bit', async () => {
  const fresh = browser();
  const asked = request({ method: 'lora', steps: 4 });
  const first = await fresh();
  let count = 0;
  const cancelled = first.heal(asked, ({ type }) => {
    if (type !== 'step' || ++count > 2) return;
    if (count === 2) {
      void first.pause(true);
      setTimeout(() => void first.cancel(), 200);
    }
  });
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  expect(count).toBe(2);
  const [job] = await first.interrupted();
  expect(job).toMatchObject({ job: 'heal', request: asked, missing: [] });

  const second = await fresh();
  const notes: string[] = [];
  const { healing } = await second.heal(asked, (event) => {
    if (event.type === 'note') notes.push(event.text);
  });
  expect(notes.some((note) => note.startsWith('Resumed at'))).toBe(true);
  expect(await second.interrupted()).toEqual([]);
  const whole = await (await browser()()).heal(asked, nothing);
  expect(healing.id).toBe(whole.healing.id);
  expect(healing.record.steps[0]!.losses).toEqual(whole.healing.record.steps[0]!.losses);
});

test('a refit by the switch gives way, and its healing is the first to go', async () => {
  const studio = await browser()();
  const asked = request({ method: 'refit', samples: 4 });
  const [refit, heal] = await Promise.allSettled([
    studio.refit(asked, nothing),
    studio.heal(asked, nothing),
  ]);
  expect(refit).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  expect(heal.status).toBe('fulfilled');
  const { healing } = await studio.refit(request({ method: 'refit' }), nothing);
  expect(healing.passing).toBe(true);
  expect((await studio.forgetHealingsOf('another model')).healings).toHaveLength(2);
  expect(await studio.forgetHealingsOf(null)).toMatchObject({ healings: [], bytes: 0 });
});
