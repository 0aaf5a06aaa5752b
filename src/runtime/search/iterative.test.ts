// The iterative search against the golden path, its events, bounds and locks; paused, interrupted,
// streamed.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SearchEvent } from '../../contract/search.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { golden, samplePath } from '../../testing/fixtures.ts';
import type { Checkpoint, CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { DEFAULT_KIND, openCpu } from '../testing/cpuDevices.ts';
import type { SearchOnWindows, SearchOutcome } from './iterative.ts';

const { windows, greedy } = golden<{
  windows: number[][];
  greedy: { removed: number; ppl: number }[];
}>('sample');
const short = windows.slice(0, 2).map((window) => window.slice(0, 16));

let engine: Engine;
let opened: OpenedModel;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
  opened = await openModel(await openFolder(samplePath()), 'onnx/model.onnx');
});
afterAll(() => engine.dispose());

async function inSession<T>(
  work: (session: ScoreSession) => Promise<T>,
  budgetBytes?: number,
  on = engine,
): Promise<T> {
  const session = ScoreSession.open(opened, on, { budgetBytes });
  try {
    return await work(session);
  } finally {
    await session.dispose();
    expect(on.ledger.total()).toBe(0);
  }
}

const asked: SearchOnWindows = { windows: short, start: [], locked: [], count: 5, maxPpl: null };
const nothing = (): void => {};
const path = (found: SearchOutcome) =>
  found.steps.map(({ block, measure, candidates }) => ({ block, measure, candidates }));

describe('the golden path', () => {
  const events: SearchEvent[] = [];
  let found: SearchOutcome;
  beforeAll(async () => {
    const request = { ...asked, windows, count: 8 };
    const faster = await openCpu(DEFAULT_KIND);
    found = await inSession(
      (session) => session.search(request, undefined, undefined, (event) => events.push(event)),
      undefined,
      faster,
    );
    await faster.dispose();
  });

  test('removes the same blocks, with PPLs within 1e-3 relative', () => {
    expect(found.steps.map(({ block }) => block)).toEqual(greedy.map(({ removed }) => removed));
    for (const [k, { measure }] of found.steps.entries())
      expect(
        Math.abs((measure.ppl ?? Number.NaN) / (greedy[k]?.ppl ?? Number.NaN) - 1),
      ).toBeLessThan(1e-3);
    expect(found.stoppedBy).toBe('count');
    expect(found.costRatio).toBeGreaterThan(0);
  });

  test('tells baseline, candidates and steps in order', () => {
    const kinds = events.filter(({ type }) => type !== 'progress').map(({ type }) => type);
    expect(kinds.slice(0, 18)).toEqual([
      'started',
      ...new Array<string>(16).fill('candidate'),
      'step',
    ]);
    expect(kinds.filter((kind) => kind === 'candidate').length).toBe(
      16 + 15 + 14 + 13 + 12 + 11 + 10 + 9,
    );
    expect(found.steps.map(({ candidates }) => candidates.length)).toEqual([
      16, 15, 14, 13, 12, 11, 10, 9,
    ]);
    for (const { block, candidates } of found.steps) expect(candidates[0]?.block).toBe(block);
    const shares = events.flatMap((event) =>
      event.type === 'progress' && event.progress.phase === 'score'
        ? [event.progress.done / event.progress.total]
        : [],
    );
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });
});

test('a curve on the same windows is the first step; hidden states are reused', async () => {
  const plain = await inSession((session) => session.search(asked, undefined, undefined, nothing));
  await inSession(async (session) => {
    await session.score(short, undefined, () => {});
    const phases: number[] = [];
    const found = await session.search(asked, undefined, undefined, (event) => {
      if (event.type === 'progress' && event.progress.phase === 'score')
        phases.push(event.progress.done);
    });
    expect(path(found)).toEqual(path(plain));
    expect(found.baseline).toEqual(plain.baseline);
    // After the first step: what is left after block p runs again, and each candidate's rest.
    expect(phases.length).toBeLessThan((15 * 16 + 14 * 15 + 13 * 14 + 12 * 13) / 2);
    // The session's own states are those of the original model.
    const { nll } = await session.plan([found.steps[0]?.block ?? -1, found.steps[1]?.block ?? -1]);
    expect(nll).toBeCloseTo(found.steps[1]?.measure.nll ?? Number.NaN, 5);
  });
});

test('starts from a plan with sublayers, keeps locked blocks, ends with them', async () => {
  const locked = [0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 15];
  await inSession(async (session) => {
    const found = await session.search(
      { ...asked, start: ['9.attn', 13], locked },
      undefined,
      undefined,
      nothing,
    );
    expect(found.stoppedBy).toBe('locks');
    expect(found.steps.map(({ block }) => block).sort((a, b) => a - b)).toEqual([2, 9]);
    await session.useWindows(short);
    expect(found.baseline.nll).toBeCloseTo((await session.plan(['9.attn', 13])).nll, 6);
    expect(found.steps[1]?.measure.nll).toBeCloseTo((await session.plan([2, 9, 13])).nll, 6);
    for (const wrong of [{ start: [16] }, { locked: [16] }])
      await expect(
        session.search({ ...asked, ...wrong }, undefined, undefined, nothing),
      ).rejects.toThrow('no block 16');
  });
});

test('windows one after the other: the same blocks, at the cost of all groups', async () => {
  const two = { ...asked, windows: windows.slice(0, 2), count: 2 };
  const whole = await inSession((session) => session.search(two, undefined, undefined, nothing));
  const found = await inSession(
    (session) => session.search(two, undefined, undefined, nothing),
    3.4 * 2 ** 20,
  );
  expect(found.steps.map(({ block }) => block)).toEqual(whole.steps.map(({ block }) => block));
  for (const [k, { measure }] of found.steps.entries())
    expect(measure.nll).toBeCloseTo(whole.steps[k]?.measure.nll ?? Number.NaN, 6);
  expect(found.costRatio).toBeGreaterThan(0);
});

test('stops before the bound', async () => {
  await inSession(async (session) => {
    const free = await session.search(asked, undefined, undefined, nothing);
    const bound = (free.steps[2]?.measure.ppl ?? Number.NaN) * 0.9999;
    const found = await session.search({ ...asked, maxPpl: bound }, undefined, undefined, nothing);
    expect(found.stoppedBy).toBe('bound');
    expect(found.steps.length).toBe(
      free.steps.findIndex(({ measure }) => (measure.ppl ?? Number.POSITIVE_INFINITY) > bound),
    );
    expect(
      await session.search({ ...asked, count: 0 }, undefined, undefined, nothing),
    ).toMatchObject({ steps: [], stoppedBy: 'count' });
  });
});

test('a paused search waits between runs, counts no time and can be cancelled', async () => {
  await inSession(async (session) => {
    let open = (): void => {};
    let gate = Promise.resolve();
    const abort = new AbortController();
    let seen = 0;
    const running = session.search(asked, abort.signal, { wait: () => gate }, (event) => {
      if (event.type !== 'progress' || event.progress.phase !== 'score') return;
      seen += 1;
      if (seen === 20 || seen === 60)
        gate = new Promise((resolve) => {
          open = resolve;
        });
    });
    const until = async (count: number): Promise<void> => {
      while (seen < count) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await until(20);
    expect(seen).toBe(20);
    open();
    await until(60);
    expect(seen).toBe(60);
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe.each([
  ['resident', undefined],
  ['streamed', 3.4 * 2 ** 20],
] as const)('%s', (_, budget) => {
  let whole: SearchOutcome;
  beforeAll(async () => {
    whole = await inSession(
      (session) => session.search(asked, undefined, undefined, nothing),
      budget,
    );
  });

  test('the same path as with all weights on the device', async () => {
    expect(
      path(await inSession((session) => session.search(asked, undefined, undefined, nothing))),
    ).toEqual(path(whole));
    expect(whole.costRatio).toBeGreaterThan(0);
  });

  test.each([3, 137, 430])(
    'cancelled after %i block evaluations, it is resumed in a new session',
    async (stopAt) => {
      let stored: Checkpoint | null = null;
      const store: CheckpointStore = {
        load: async () => structuredClone(stored),
        save: async (checkpoint) => {
          stored = structuredClone(checkpoint);
        },
        clear: async () => {
          stored = null;
        },
      };
      const abort = new AbortController();
      let runs = 0;
      const counted =
        (signal: AbortSignal | undefined, events: SearchEvent[]) => (session: ScoreSession) =>
          session.search(
            asked,
            signal,
            undefined,
            (event) => {
              events.push(event);
              if (
                event.type === 'progress' &&
                event.progress.phase === 'score' &&
                ++runs === stopAt
              )
                abort.abort();
            },
            store,
          );
      const before: SearchEvent[] = [];
      await expect(inSession(counted(abort.signal, before), budget)).rejects.toMatchObject({
        code: 'cancelled',
      });
      const done = before.filter(({ type }) => type === 'step').length;
      const events: SearchEvent[] = [];
      const found = await inSession(counted(undefined, events), budget);
      expect(path(found)).toEqual(path(whole));
      expect(found.baseline).toEqual(whole.baseline);
      expect(stored).toBeNull();
      const reported = events.filter(({ type }) => type !== 'progress');
      expect(reported[0]).toMatchObject({ type: 'started', resumedSteps: done });
      expect(reported.slice(1, 1 + done).every(({ type }) => type === 'step')).toBe(true);
      if (stopAt > 137) {
        const scored = events.filter(
          (event) => event.type === 'progress' && event.progress.phase === 'score',
        ).length;
        expect(scored).toBeLessThan(136 + 120 + 105 + 91 + 78 - stopAt / 2);
      }
    },
  );
});
