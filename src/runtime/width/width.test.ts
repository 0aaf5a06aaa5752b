// Width pruning of the sample, held to PyTorch; and how the job runs.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WidthOutcome } from '../../contract/comparison/width.ts';
import type { Progress } from '../../contract/progress.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import type { BlockCut, WidthMethod } from '../../model/width/types.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { golden, samplePath } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { ScoreSession } from '../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../testing/cpuDevices.ts';
import { measureWidth, type WidthSettings } from './width.ts';

interface Expected {
  removedGroups: number[][];
  removedChannels: number[][];
  removedWeights: number;
  groupScores?: number[][];
  channelScoresFirst3?: number[][];
  channelScoreSums?: number[];
  nllWindows: number[];
  nll: number;
  nllCompensatedWindows?: number[];
  nllCompensated?: number;
  biasNorms?: number[][];
}
const expected = golden<Record<string, Expected> & { intact: { nll: number } }>('width');
const { windows } = golden<{ windows: number[][] }>('sample');

let engine: Engine;
let opened: OpenedModel;
let session: ScoreSession;
beforeAll(async () => {
  engine = await openCpu(DEFAULT_KIND);
  opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
  session = ScoreSession.open(opened, engine);
});
afterAll(async () => {
  await session.dispose();
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

const run = (asked: Partial<WidthSettings>) =>
  measureWidth({
    ...{ opened, session, windows },
    request: {
      methods: ['wanda-sp', 'flap', 'llm-pruner'],
      amount: { ratio: 0.25 },
      multiple: 1,
      flapVariance: 'formula',
      ...asked,
    },
  });

/** Within 1e-4, relative unless scores are standardised around 0. */
function close(found: readonly number[], right: readonly number[], absolute = false): void {
  expect(found.length).toBe(right.length);
  const off = right.map((x, k) => Math.abs(found[k]! - x) / (absolute ? 1 : Math.abs(x)));
  expect(Math.max(...off)).toBeLessThan(1e-4);
}

function compare(found: WidthOutcome, right: Expected): void {
  const { plan, scores, measure, compensated, compensatedPlan } = found;
  const standardised = found.method === 'flap';
  expect(plan.blocks.map(({ groups }) => groups)).toEqual(right.removedGroups);
  expect(plan.blocks.map(({ channels }) => channels)).toEqual(right.removedChannels);
  expect(found.removedWeights).toBe(right.removedWeights);
  for (const [b, groups] of (right.groupScores ?? []).entries())
    close(scores[b]!.groups, groups, standardised);
  for (const [b, channels] of (right.channelScoresFirst3 ?? []).entries())
    close(scores[b]!.channels, channels, standardised);
  const sums = scores.map(({ channels }) => channels.reduce((sum, score) => sum + score, 0));
  if (right.channelScoreSums) close(sums, right.channelScoreSums, standardised);
  close(measure.nllPerWindow, right.nllWindows);
  close([measure.nll], [right.nll]);
  if (right.nllCompensated === undefined) return;
  close(compensated!.nllPerWindow, right.nllCompensatedWindows!);
  close([compensated!.nll], [right.nllCompensated]);
  const norm = (bias: Float32Array | null): number => Math.hypot(...(bias ?? [0]));
  const norms = compensatedPlan!.blocks.flatMap((cut) => [
    norm(cut.attentionBias),
    norm(cut.feedForwardBias),
  ]);
  const all = right.biasNorms?.flat() ?? norms;
  expect(Math.max(...all.map((x, k) => Math.abs(norms[k]! - x)))).toBeLessThan(1e-4);
}

const KEYS: Record<WidthMethod, string> = {
  'wanda-sp': 'wandaSp',
  flap: 'flap',
  'llm-pruner': 'llmPruner',
};

describe('the sample', () => {
  it.each([0.25, 0.5])('at a ratio of %f is as in PyTorch', async (ratio) => {
    const { baseline, outcomes, notes } = await run({ amount: { ratio } });
    expect(notes).toEqual([]);
    close([baseline.nll], [expected.intact.nll]);
    expect(outcomes.length).toBe(3);
    for (const outcome of outcomes) compare(outcome, expected[`${KEYS[outcome.method]}-${ratio}`]!);
    expect(outcomes.map(({ equalLayers }) => equalLayers)).toEqual([true, false, true]);
    const asRun = await run({ amount: { ratio }, methods: ['flap'], flapVariance: 'as-run' });
    compare(asRun.outcomes[0]!, expected[`flapAsRun-${ratio}`]!);
  });
});

describe('the job', () => {
  const few = windows.slice(0, 6).map((window, k) => window.slice(0, 24 + 8 * (k % 2)));
  const asked = {
    methods: ['wanda-sp', 'flap'],
    amount: { ratio: 0.3 },
    multiple: 16,
    flapVariance: 'formula',
  } as const;

  it('gives the same however little memory there is', async () => {
    const request = { ...asked, methods: [...asked.methods] };
    const found = await measureWidth({ opened, session, windows: few, request });
    // Weights are streamed, and not all windows run together.
    const tight = ScoreSession.open(opened, engine, { budgetBytes: 2.35e6 });
    const reports: Progress[] = [];
    const again = await measureWidth({
      ...{ opened, session: tight, windows: few, request },
      onEvent: (event) => event.type === 'progress' && reports.push(event.progress),
    });
    await tight.dispose();
    expect(again.outcomes.map(({ plan }) => plan.blocks.map(removed))).toEqual(
      found.outcomes.map(({ plan }) => plan.blocks.map(removed)),
    );
    const losses = ({ outcomes }: typeof found): number[] =>
      outcomes.flatMap(({ measure, compensated }) => [measure.nll, compensated?.nll ?? 0]);
    close(losses(again), losses(found), true);
    for (const { plan } of again.outcomes)
      for (const { channels } of plan.blocks) expect((320 - channels.length) % 16).toBe(0);
    const steps = reports.filter(({ phase }) => phase === 'score');
    expect(steps.every(({ done }, k) => done >= (steps[k - 1]?.done ?? 0))).toBe(true);
    const { done, total } = steps.at(-1)!;
    // Groups of windows that run from the start for every block, then whatever runs else.
    const perGroup = 16 * 6 + (16 * 15) / 2;
    expect(done).toBe(total);
    expect([total % perGroup, total > perGroup]).toEqual([0, true]);
  });

  it('removes about as many weights as are asked for, and says where it cannot', async () => {
    const run = (weights: number) =>
      measureWidth({
        ...{ opened, session, windows: few },
        request: { ...asked, methods: ['flap', 'wanda-sp'], multiple: 1, amount: { weights } },
      });
    const { outcomes, notes } = await run(600_000);
    // Half a channel of one block, and half a channel of each, which all have as many.
    const off = outcomes.map(({ removedWeights }) => Math.abs(removedWeights - 600_000));
    expect(off[0]).toBeLessThanOrEqual(384 / 2);
    expect(off[1]).toBeLessThanOrEqual((16 * 384) / 2);
    expect(notes).toEqual([]);
    const most = await run(1e9);
    expect(most.notes[0]).toMatch(/1000000000 weights are more than width can remove: 2353152 at/);
    for (const { removedWeights } of most.outcomes) expect(removedWeights).toBe(2353152);
  });

  it('waits while it is held, and ends when it is cancelled', async () => {
    const controller = new AbortController();
    let turns = 0;
    const gate = {
      wait: async () => {
        turns += 1;
        if (turns === 5) controller.abort();
      },
    };
    const { signal } = controller;
    const request = { ...asked, methods: [...asked.methods] };
    const job = measureWidth({ opened, session, windows: few, request, signal, gate });
    await expect(job).rejects.toMatchObject({ code: 'cancelled' });
    expect(turns).toBe(5);
    expect(engine.ledger.total()).toBe(0);
  });

  it('refuses amounts that are none', async () => {
    const refused = (change: Partial<WidthSettings>) =>
      expect(run(change)).rejects.toMatchObject({ code: 'bad-input' });
    await refused({ amount: { ratio: 1 } });
    await refused({ amount: { weights: Number.NaN } });
    await refused({ multiple: 1.5 });
    await refused({ methods: [] });
    await refused({ methods: ['flap', 'flap'] });
  });

  const removed = ({ groups, channels }: BlockCut) => ({ groups, channels });
});
