// Zero-shot tasks on the sample, held to what the lm-evaluation-harness made of the same rows.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TasksEvent, TasksResult } from '../../contract/comparison/tasks.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { TaskData } from '../../tasks/types.ts';
import { golden, samplePath } from '../../testing/fixtures.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { folderTokenizer } from '../score/calibration.ts';
import { ScoreSession } from '../score/session.ts';
import { MemoryStore } from '../testing/memoryStore.ts';
import { scoreTasks, type TasksJob } from './scoreTasks.ts';

interface GoldenTasks {
  tasks: Record<
    string,
    {
      scores: Record<string, number>;
      items: {
        doc: number;
        target: number;
        acc: number;
        accNorm?: number;
        context?: string | object;
        choices: { context?: string; continuation: string; logLikelihood: number }[];
      }[];
    }
  >;
}

const { tasks: wanted } = golden<GoldenTasks>('tasks');
let engine: Engine;
let opened: OpenedModel;
let session: ScoreSession;
let tokenizer: Tokenizer;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
  const folder = await openFolder(samplePath());
  opened = await openModel(folder, 'onnx/model.onnx');
  session = ScoreSession.open(opened, engine);
  tokenizer = await folderTokenizer(folder);
});
afterAll(async () => {
  await session.dispose();
  expect(engine.ledger.total()).toBe(0);
  await engine.dispose();
});

/** The rows of a task whose context the golden has whole. */
function dataOf(task: string): TaskData {
  const rows = wanted[task]!.items.flatMap(({ doc, target, context, choices }) =>
    typeof context === 'object'
      ? []
      : [
          {
            doc,
            target,
            context: context ?? choices.map((choice) => choice.context!),
            continuations: choices.map(({ continuation }) => continuation),
            choices: choices.map(({ continuation }) => continuation.slice(1)),
          },
        ],
  );
  return { task, source: { files: [], builtIn: true }, rows, sha256: task };
}

const job = (tasks: string[], over: Partial<TasksJob> = {}): TasksJob => ({
  opened,
  session,
  tokenizer,
  tasks: tasks.map(dataOf),
  asked: [
    { kind: 'original', removed: [] },
    { kind: 'plan', removed: [3, '5.attn', 9] },
  ],
  variants: [
    { removed: [], steps: [] },
    { removed: [3, '5.attn', 9], steps: [] },
  ],
  limit: null,
  seed: 0,
  device: { kind: 'wasm', name: 'test' },
  ...over,
});

test('log-likelihoods and verdicts of the harness; a plan on the same rows', async () => {
  const result = await scoreTasks(job(['winogrande', 'hellaswag']));
  for (const { task, outcomes } of result.tasks) {
    const { scores, items } = wanted[task]!;
    const [own, plan] = outcomes;
    expect(own!.acc).toBe(scores.acc);
    expect(own!.accStderr).toBeCloseTo(scores.acc_stderr!, 12);
    expect(own!.accNorm).toBe(scores.acc_norm ?? null);
    for (const [k, item] of own!.items.entries()) {
      expect([item.acc, item.accNorm]).toEqual([items[k]!.acc, items[k]!.accNorm ?? null]);
      for (const [choice, { logLikelihood }] of item.choices.entries())
        expect(Math.abs(logLikelihood - items[k]!.choices[choice]!.logLikelihood)).toBeLessThan(
          1e-4,
        );
    }
    expect(plan!.items).toHaveLength(items.length);
    const metric = task === 'hellaswag' ? 'accNorm' : 'acc';
    expect(plan!.difference!.value).toBeCloseTo(plan![metric]! - own![metric]!, 12);
  }
  expect(result.means[0]).toBeCloseTo(5 / 12, 12);
  expect(result.tokens.run).toBeLessThan(0.5 * result.tokens.unshared);
  // The plan's own numbers, by the session that scores plans.
  const { choices } = result.tasks[0]!.outcomes[1]!.items[0]!;
  const { context, continuation } = wanted.winogrande!.items[0]!.choices[1]!;
  const ids = tokenizer.encode(context! + continuation);
  const nll = await session.nllPerToken([3, '5.attn', 9], ids);
  const sum = -nll.slice(-choices[1]!.tokens[1]).reduce((total, value) => total + value, 0);
  expect(Math.abs(choices[1]!.logLikelihood - sum)).toBeLessThan(1e-4);
});

test('cancelled, it reports what it has, and goes on from there', async () => {
  const store = new MemoryStore();
  const abort = new AbortController();
  const partial: TasksResult[] = [];
  const onEvent = (event: TasksEvent): void => {
    if (event.type !== 'partial') return;
    partial.push(event.result);
    abort.abort();
  };
  const small = { limit: 6, seed: 7, store };
  await expect(
    scoreTasks(job(['winogrande', 'arc_easy'], { ...small, signal: abort.signal, onEvent })),
  ).rejects.toMatchObject({ code: 'cancelled' });
  const before = partial.at(-1)!;
  const rows = before.tasks.map(({ outcomes }) => outcomes[0]?.rows ?? 0);
  expect(rows[0]! + rows[1]!).toBeGreaterThan(0);
  expect(rows[0]! + rows[1]!).toBeLessThan(12);
  const [resumed, whole] = [
    await scoreTasks(job(['winogrande', 'arc_easy'], small)),
    await scoreTasks(job(['winogrande', 'arc_easy'], { ...small, store: undefined })),
  ];
  expect(store.stored).toBeNull();
  expect(resumed.tokens.unshared).toBe(whole.tokens.unshared);
  expect(resumed.tasks.map(({ outcomes }) => outcomes.map(({ rows: count }) => count))).toEqual([
    [6, 6],
    [6, 6],
  ]);
  for (const [t, { outcomes }] of resumed.tasks.entries())
    for (const [v, { items }] of outcomes.entries())
      for (const [k, { choices }] of items.entries())
        for (const [c, { logLikelihood }] of choices.entries()) {
          const other = whole.tasks[t]!.outcomes[v]!.items[k]!.choices[c]!;
          expect(Math.abs(logLikelihood - other.logLikelihood)).toBeLessThan(1e-4);
        }
});
