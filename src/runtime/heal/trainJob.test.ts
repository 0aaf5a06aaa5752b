// The training job on a small model: resumed bit by bit, cancelled, stopped and paused between
// runs, streamed and resident alike, within the memory that it states, its best state kept.

import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { Sequence } from '../../text/training/sequences.ts';
import { MemoryStore } from '../testing/memoryStore.ts';
import { estimateTraining } from './estimateTraining.ts';
import { type FixtureTraining, openFixtureTraining } from './testing/fixtureTraining.ts';
import { trainingMemory } from './trainingMemory.ts';
import { setUpTraining } from './trainingSetup.ts';

let model: FixtureTraining;
beforeAll(async () => {
  model = await openFixtureTraining('optimum-llama-fp32');
});
afterAll(() => model.close());

const KL = { kl: 0.5, order: 'shuffled', dropout: 0.25 } as const;

test('interrupted within a step, it goes on bit by bit', async () => {
  const asked = { removed: [2], settings: { ...KL, steps: 5 } };
  const whole = await model.run(asked);
  expect(whole.losses).toHaveLength(5);
  const store = new MemoryStore();
  for (const last of [0.5, 0.3]) {
    const abort = new AbortController();
    const onRun = (run: number): void => void (run >= last * whole.runs && abort.abort());
    const ended = model.run({ ...asked, store, signal: abort.signal, onRun });
    await expect(ended).rejects.toMatchObject({ code: 'cancelled' });
    expect(store.stored?.done).toBeGreaterThan(0);
  }
  const rest = await model.run({ ...asked, store });
  expect(rest.runs).toBeLessThan(whole.runs);
  const { losses, heldOut, kept, changes } = rest;
  expect({ losses, heldOut, kept, changes }).toEqual({
    losses: whole.losses,
    heldOut: whole.heldOut,
    kept: whole.kept,
    changes: whole.changes,
  });
  expect(store.stored).toBeNull();
});

test('a body of other settings or of another form is passed over', async () => {
  const store = new MemoryStore();
  const asked = { settings: { steps: 1 }, heldOut: [] };
  const whole = await model.run(asked);
  for (const body of [3, { what: '' }]) {
    store.stored = { done: 1, total: 1, body };
    expect((await model.run({ ...asked, store })).losses).toEqual(whole.losses);
  }
});

describe('ended early', () => {
  it('by stop keeps the best state, and says after how many steps', async () => {
    const stop = new AbortController();
    const found = await model.run({
      settings: { steps: 50, heldOutEvery: 50 },
      stop: stop.signal,
      onEvent: (event) => void (event.type === 'step' && event.step === 3 && stop.abort()),
    });
    expect(found.stoppedAt).toBe(3);
    expect(found.heldOut.map(({ step }) => step)).toEqual([0, 3]);
    const [start, end] = found.heldOut;
    expect(found.kept).toBe(end!.loss < start!.loss ? 3 : 0);
  });

  it('or held by its gate between two runs', async () => {
    const abort = new AbortController();
    let waits = 0;
    let onHeld = (): void => {};
    const reached = new Promise<void>((resolve) => {
      onHeld = resolve;
    });
    const gate = {
      async wait(): Promise<void> {
        if (++waits <= 20) return;
        onHeld();
        await new Promise(() => {});
      },
    };
    const held = model.run({ gate, signal: abort.signal });
    const ended = expect(held).rejects.toMatchObject({ code: 'cancelled' });
    await reached;
    abort.abort();
    await ended;
  });

  it('by a loss that is not a number keeps what was before, and says what to do', async () => {
    const found = await model.run({ settings: { rate: 1e30, steps: 6 }, heldOut: [] });
    expect(found.notes.join()).toMatch(/of step \d is not a number.*lower learning rate/);
    expect(found.losses.length).toBeLessThan(6);
    for (const change of found.changes)
      if (change.kind === 'low-rank')
        expect([...new Float32Array(change.b.buffer)].every(Number.isFinite)).toBe(true);
  });
});

test('a training goes on from another one, its norms and head included', async () => {
  const asked = { removed: [2], fit: model.sequences.slice(0, 2), heldOut: model.sequences };
  const settings = { kl: 1, heldOutEvery: 1, steps: 2, rate: 3e-3, blocks: 2 };
  const heads = { ...settings, method: 'full', norms: true, head: true } as const;
  const first = await model.run({ ...asked, settings: heads });
  expect(first.kept).toBeGreaterThan(0);
  expect(first.changes.some(({ block }) => block === null)).toBe(true);
  const { loss } = first.heldOut.find(({ step }) => step === first.kept)!;
  const { changes } = first;
  for (const next of [{ ...settings, method: 'lora' } as const, heads]) {
    const { heldOut } = await model.run({ ...asked, changes, settings: { ...next, steps: 1 } });
    // Towards the original with a head of its own, as before.
    expect(Math.abs(heldOut[0]!.loss / loss - 1)).toBeLessThan(1e-4);
  }
});

test('what never helps is not kept, which is said', async () => {
  const found = await model.run({ removed: [2], settings: { kl: 0.5 } });
  expect(found).toMatchObject({ kept: 0, changes: [] });
  expect(found.notes.join()).toMatch(/No step lowered the loss on the held-out part/);
});

describe('within a budget', () => {
  const asked = { removed: [1], settings: { kl: 1, batch: 3, steps: 2 } };
  const data = () => ({ fit: model.sequences, heldOut: [] });
  /** Room for the weights of two blocks and a run of one sequence. */
  const TIGHT = 900e3;

  it('streams the weights, with the numbers of resident ones', async () => {
    const resident = await model.run({ ...asked, ...data() });
    const streamed = await model.run({ ...asked, ...data(), budgetBytes: TIGHT });
    expect(resident.setup.memory).toMatchObject({ resident: true, teacher: { whole: true } });
    expect(streamed.setup.memory.resident).toBe(false);
    for (const [k, loss] of streamed.losses.entries())
      expect(Math.abs(loss / resident.losses[k]! - 1)).toBeLessThan(1e-6);
  });

  it.each([undefined, TIGHT])('holds what it states (budget %s)', async (budgetBytes) => {
    const { setup, peak } = await model.run({ ...asked, ...data(), budgetBytes });
    const memory = trainingMemory(setup.shape, setup.memory);
    expect(peak).toBeLessThanOrEqual(memory.weights + memory.hiddenStates + memory.scratch);
    expect(peak).toBeGreaterThan(0.5 * (memory.weights + memory.hiddenStates));
    expect(memory.total).toBeLessThanOrEqual(budgetBytes ?? Number.POSITIVE_INFINITY);
  });

  it('computes the states of the original again where they do not all fit', async () => {
    const [first] = model.sequences as [Sequence];
    const turned = (by: number) => [...first.ids.slice(by), ...first.ids.slice(0, by)];
    const fit = Array.from({ length: 18 }, (_, by) => ({ ...first, ids: turned(by) }));
    const settings = { kl: 0.5, batch: 3, steps: 6 };
    const many = { removed: [1], settings, fit, heldOut: model.sequences };
    const whole = await model.run(many);
    const again = await model.run({ ...many, budgetBytes: 700e3 });
    expect(again.setup.memory.teacher.whole).toBe(false);
    for (const [k, loss] of again.losses.entries())
      expect(Math.abs(loss / whole.losses[k]! - 1)).toBeLessThan(1e-5);
    const memory = trainingMemory(again.setup.shape, again.setup.memory);
    expect(again.peak).toBeLessThanOrEqual(memory.weights + memory.hiddenStates + memory.scratch);
  });

  it('says what it lacks', async () => {
    const lacking = model.run({ ...asked, budgetBytes: 2e5 });
    await expect(lacking).rejects.toThrow(/training needs .* at once .* but the budget is 200 kB/);
  });
});

test('sequences of several lengths weigh what they count, however they are divided', async () => {
  const [a, b, c] = model.sequences as [Sequence, Sequence, Sequence];
  const short = { ids: b.ids.slice(0, 9), weights: b.weights.slice(0, 8) };
  const answer = { ids: c.ids, weights: c.weights.map((_, k) => (k < 15 ? 0 : 1)) };
  const fit = [a, short, answer];
  const whole = { settings: { batch: 3, steps: 1 }, fit, heldOut: [] };
  const losses = await Promise.all(
    fit.map(async (one) => {
      const { losses } = await model.run({
        ...whole,
        settings: { batch: 1, steps: 1 },
        fit: [one],
      });
      return losses[0]!;
    }),
  );
  const counts = fit.map(({ weights }) => weights.reduce((sum, weight) => sum + weight, 0));
  const wanted =
    losses.reduce((sum, loss, k) => sum + loss * counts[k]!, 0) / counts.reduce((x, y) => x + y);
  const found = await model.run(whole);
  expect(found.losses[0]).toBeCloseTo(wanted, 5);
});

test('sequences that count nothing are left out, and what cannot be read is refused', async () => {
  const [a] = model.sequences as [Sequence];
  const empty = { ids: a.ids, weights: a.weights.map(() => 0) };
  const settings = { steps: 1 };
  const found = await model.run({ settings, fit: [a, empty], heldOut: [] });
  expect(found.notes.join()).toMatch(/1 of the sequences have no prediction that counts/);
  await expect(model.run({ settings, fit: [empty] })).rejects.toThrow(/nothing to learn/);
  const unknown = { ids: [...a.ids.slice(1), 1e6], weights: a.weights };
  await expect(model.run({ settings, fit: [unknown] })).rejects.toThrow(/token id 1000000/);
  await expect(model.run({ settings: { rate: -1 } })).rejects.toThrow(/learning rate .* not -1/);
});

test('an estimate states memory, parameters and bytes, and time where it is measured', async () => {
  const job = model.job({ removed: [2], settings: { kl: 1 } });
  const stated = await estimateTraining({ ...job, measure: false });
  const { training } = setUpTraining(job);
  const values = training.parameters.reduce((sum, { dims }) => sum + dims[0]! * dims[1]!, 0);
  expect(stated).toMatchObject({ seconds: null, parameters: values, bytes: 4 * values });
  const measured = await estimateTraining({ ...job, measure: true });
  expect(measured).toEqual({ ...stated, seconds: expect.any(Number) });
  expect(measured.seconds).toBeGreaterThan(0);
  expect(job.engine.ledger.total()).toBe(0);
});

test('several trainings one after the other leave nothing', async () => {
  // The helper holds the ledger to 0.
  for (let cycle = 0; cycle < 10; cycle++)
    await model.run({ settings: { steps: 1, kl: cycle % 2 }, heldOut: [] });
});
