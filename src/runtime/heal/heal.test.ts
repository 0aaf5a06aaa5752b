// A healing from texts to its outcome: one method after the other, measured as the session
// measures, interrupted and gone on with, and refused in words.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HealEvent, HealSettings } from '../../contract/heal.ts';
import { REFIT_DEFAULTS, TRAIN_DEFAULTS } from '../../contract/healDefaults.ts';
import { healedStructure } from '../../model/healing/healedStructure.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { CountingFolder } from '../../node/folder.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import {
  calibrationText,
  evaluationText,
  fixturePath,
  samplePath,
} from '../../testing/fixtures.ts';
import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { estimateHealing } from './estimate.ts';
import { controlHealing, heal } from './heal.ts';
import type { HealJob } from './healJob.ts';
import { withControl } from './outcome/outcome.ts';
import { readHealTexts } from './texts/texts.ts';

const text = calibrationText().slice(0, 3000);
const foreign = { name: 'evaluation.txt', text: evaluationText().slice(0, 1000) };
const REFIT: HealSettings = { ...REFIT_DEFAULTS, samples: 8, length: 32 };
const LORA: HealSettings = {
  ...{ ...TRAIN_DEFAULTS, kl: 0, steps: 2, batch: 2, length: 16, rank: 2, heldOutEvery: 2 },
};

let folder: CountingFolder;
let opened: OpenedModel;
let engine: Engine;
let session: ScoreSession;

beforeAll(async () => {
  folder = await openFolder(samplePath());
  opened = await openModel(folder, 'onnx/model.onnx');
  engine = await openWasm(nodeLoader);
  session = ScoreSession.open(opened, engine);
});
afterAll(async () => {
  await session.dispose();
  await engine.dispose();
  await folder.close();
});

function jobOf(methods: HealSettings[], more: Partial<HealJob> = {}): HealJob {
  const sources = { text: { kind: 'text', name: 'a.txt', text }, heldOut: 0.2, foreign } as const;
  return { opened, session, removed: [2, 7, 8, 9], methods, sources, onEvent() {}, ...more };
}

describe('a refit', () => {
  it('is measured on all texts as the session measures it, and keeps its windows', async () => {
    const windows = [Array.from({ length: 8 }, (_, k) => 50 + k)];
    await session.useWindows(windows);
    const before = await session.plan([2]);
    const { healing, measured, recovered, stoppedAt } = await heal(jobOf([REFIT]));
    expect(engine.ledger.total()).toBe(0);
    expect((await session.plan([2])).nllPerWindow).toEqual(before.nllPerWindow);

    expect(measured.map(({ set }) => set)).toEqual(['fit', 'held-out', 'foreign']);
    const texts = await readHealTexts(jobOf([REFIT]).sources, [REFIT], opened);
    for (const [k, row] of measured.entries())
      expect(row.predicted).toBe(texts.measured[k]!.sequences.length * 31);
    // Renamed: a name that starts with `use` reads as a React hook.
    const take = session.useWindows.bind(session);
    await take(texts.measured[1]!.sequences.map(({ ids }) => ids));
    const nothing = (): void => {};
    const sides = [
      await session.plan([]),
      await session.plan([2, 7, 8, 9]),
      await session.plan([2, 7, 8, 9], undefined, nothing, healing),
    ].map(({ nll }) => nll);
    const { original, pruned, healed } = measured[1]!;
    for (const [k, nll] of [original, pruned, healed].entries())
      expect(nll).toBeCloseTo(sides[k]!, 6);
    expect(recovered).toBeCloseTo((pruned - healed) / (pruned - original), 12);
    expect(stoppedAt).toBeNull();
    expect(healing.id).toMatch(/^[0-9a-f]{64}$/);
    expect(healing.record).toMatchObject({
      removed: [2, 7, 8, 9],
      text: { name: 'a.txt', tokens: texts.record.tokens },
      steps: [{ method: 'refit', blocks: [1, 6], kept: null, losses: [] }],
    });
  });

  it('is refused where nothing is removed, or nothing comes before', async () => {
    await expect(heal(jobOf([REFIT], { removed: [] }))).rejects.toThrow(/Nothing is removed/);
    await expect(heal(jobOf([REFIT], { removed: [0, 1] }))).rejects.toThrow(/without 0,1 /);
    await expect(heal(jobOf([LORA, REFIT]))).rejects.toThrow(/not lora, refit/);
    await expect(controlHealing(jobOf([REFIT]), null)).rejects.toThrow(
      /makes up for what was removed/,
    );
  });
});

describe('a refit and a training', () => {
  it('go on from what was written down, and measure the original beside', async () => {
    const first = await heal(jobOf([REFIT, LORA]));
    expect(first.healing.record.steps.map(({ method }) => method)).toEqual(['refit', 'lora']);
    expect(first.healing.record.steps[1]?.losses).toHaveLength(2);

    let saved: Checkpoint | null = null;
    const store: CheckpointStore = {
      load: async () => saved,
      save: async (checkpoint) => {
        saved = structuredClone(checkpoint);
      },
      clear: async () => {
        saved = null;
      },
    };
    const end = new AbortController();
    const events: HealEvent[] = [];
    const onEvent = (event: HealEvent): void => {
      events.push(event);
      if (event.type === 'step') end.abort();
    };
    const job = jobOf([REFIT, LORA], { store, signal: end.signal, onEvent });
    await expect(heal(job)).rejects.toMatchObject({ code: 'cancelled' });
    expect(saved).toMatchObject({ done: 1, total: 2 });
    const steps: number[] = [];
    const resumed = await heal({
      ...job,
      signal: undefined,
      onEvent: (event) => void (event.type === 'step' && steps.push(event.step)),
    });
    expect(steps).toEqual([2]);
    expect(resumed.healing.id).toBe(first.healing.id);
    expect(resumed.measured).toEqual(first.measured);
    expect(saved).toBeNull();

    // The original is its own teacher: whatever the plan learned, it learns the next token.
    const control = await controlHealing(jobOf([REFIT, LORA]), null);
    const kl = jobOf([REFIT, { ...LORA, kl: 1 }]);
    expect(await controlHealing(kl, null)).toEqual(control);
    const beside = withControl(first, control);
    expect(beside.measured.map((row) => row.control)).toEqual(control.map((row) => row.healed));
    expect(beside.healing.record.control).toMatchObject({ kl: 0, steps: 2, rank: 2 });
    expect(control[0]?.healed).not.toBe(control[0]?.original);
    // A plan whose training was ended has a control that is trained for as many steps.
    const stop = AbortSignal.abort();
    const taken: number[] = [];
    const follow = (event: HealEvent) => void (event.type === 'step' && taken.push(event.step));
    await controlHealing(jobOf([LORA], { stop, onEvent: follow }), 1);
    expect(taken).toEqual([1]);
    expect(engine.ledger.total()).toBe(0);
  });

  it('are estimated together', async () => {
    const { memory, seconds, parameters, bytes } = await estimateHealing(jobOf([REFIT, LORA]));
    const refitted = 2 * 320 * 128;
    // qkv, o, gate, up, down of twelve blocks.
    const adapters = 12 * 2 * (128 + 256 + 128 + 128 + 3 * (128 + 320));
    expect(parameters).toBe(refitted + adapters);
    expect(bytes).toBe(4 * parameters);
    expect(seconds).toBeGreaterThan(0);
    expect(memory.obstacle).toBeUndefined();
    expect(engine.ledger.total()).toBe(0);
  });
});

it('of 4-bit matrices is measured in the form that is asked for', async () => {
  const files = await openFolder(fixturePath('genai-llama-int4-webgpu'));
  const model = await openModel(files);
  const own = ScoreSession.open(model, engine);
  const job = { ...jobOf([{ ...REFIT, samples: 8 }]), opened: model, session: own, removed: [1] };
  const [again, floats] = [await heal(job), await heal({ ...job, quantised: 'float' })];
  expect(floats.healing.id).toBe(again.healing.id);
  expect([again, floats].map(({ healing }) => healing.record.quantised)).toEqual([
    'again',
    'float',
  ]);
  expect(floats.measured[0]?.healed).not.toBe(again.measured[0]?.healed);
  const { measured } = await readHealTexts(job.sources, job.methods, model);
  const windows = measured[0]?.sequences.map(({ ids }) => ids) ?? [];
  const nllOf = async (form: 'again' | 'float'): Promise<number> => {
    const structure = healedStructure(model.structure, floats.healing, form);
    const session = ScoreSession.open({ ...model, structure }, engine);
    await session.useWindows(windows);
    const { nll } = await session.plan([1]);
    await session.dispose();
    return nll;
  };
  expect(await nllOf('again')).toBeCloseTo(again.measured[0]?.healed ?? 0, 6);
  expect(await nllOf('float')).toBeCloseTo(floats.measured[0]?.healed ?? 0, 6);
  await own.dispose();
  await files.close();
});

describe('texts of a healing', () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, k) => ({
      instruction: `Say what comes after ${k}.`,
      output: `After it comes ${k + 1}, and then ${k + 2}, as everyone knows.`,
    }));
  const sourcesOf = (list: unknown[]) => ({
    text: { kind: 'instructions', name: 'a.json', text: JSON.stringify(list) } as const,
    heldOut: 0.25,
    foreign: null,
  });

  it('of instructions are Alpaca prompts here, rows held out by the seed', async () => {
    const methods: HealSettings[] = [REFIT, { ...LORA, length: 128 }];
    const texts = await readHealTexts(sourcesOf(rows(8)), methods, opened);
    expect(texts.notes.join()).toMatch(/no chat template.*Alpaca/);
    const [refit, lora] = texts.inputs;
    expect(refit?.sequences.map(({ ids }) => ids.length)).toEqual(refit?.sequences.map(() => 32));
    expect(lora?.sequences).toHaveLength(4);
    expect(lora?.watched).toHaveLength(2);
    const [fit, heldOut] = texts.measured;
    expect([fit?.sequences.length, heldOut?.sequences.length]).toEqual([6, 2]);
    expect(heldOut?.sequences[0]?.weights.some((weight) => weight === 0)).toBe(true);
    // The prompts are alike, what is learned is not.
    expect(texts.warnings).toEqual([]);
    const all: HealSettings[] = [{ ...LORA, length: 128, batch: 6 }];
    const same = await readHealTexts(sourcesOf([...rows(4), ...rows(4), ...rows(4)]), all, opened);
    expect(same.warnings.join()).toMatch(/held-out part also occur/);
  });

  it('of instructions say where no answer is within their length', async () => {
    const { measured, notes } = await readHealTexts(sourcesOf(rows(8)), [REFIT], opened);
    expect(measured).toEqual([]);
    expect(notes.join()).toMatch(/seen rows .* no answer within 32 .*held-out rows .* no answer/);
    const empty = rows(4).map((row) => ({ ...row, output: ' ' }));
    for (const method of [REFIT, LORA])
      await expect(readHealTexts(sourcesOf(empty), [method], opened)).rejects.toThrow(
        /nothing to learn from\. 3 of 3 rows are left out: the answer is empty/,
      );
  });

  it('warn where they overlap, and say what is too short', async () => {
    const twice = { kind: 'text', name: 'a.txt', text: text.repeat(2) } as const;
    const sources = { text: twice, heldOut: 0.5, foreign: { name: 'b.txt', text } };
    const { warnings } = await readHealTexts(sources, [LORA], opened);
    expect(warnings.join('\n')).toMatch(/held-out part also.*\n.*of b\.txt also/);
    const short = { ...sources, heldOut: 0.005 };
    expect((await readHealTexts(short, [LORA], opened)).notes.join()).toMatch(/too few/);
    for (const method of [REFIT, LORA])
      await expect(
        readHealTexts({ ...sources, heldOut: 0.99999 }, [method], opened),
      ).rejects.toThrow(/ are held out: what is left to learn from, 0, is less than/);
    const tiny = { ...sources, foreign: { name: 'c.txt', text: 'Hi' } };
    await expect(readHealTexts(tiny, [LORA], opened)).rejects.toThrow(/c\.txt is too short/);
    await expect(readHealTexts(sources, [{ ...LORA, length: 99_999 }], opened)).rejects.toThrow(
      /context/,
    );
  });
});
