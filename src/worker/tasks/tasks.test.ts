// Tasks of the studio on the real runtime in Node: rows given and kept, variants on the same rows,
// cancelled, resumed by another engine.

import { expect, test } from 'vitest';
import type { TasksEvent, TasksRequest, TasksResult } from '../../contract/comparison/tasks.ts';
import { QUANTISE_DATA, QUANTISE_DEFAULTS } from '../../contract/quantiseDefaults.ts';
import { browser } from '../testing/engines.ts';

const QUESTIONS = Array.from({ length: 48 }, (_, k) => ({
  context: `Question: of ${k} birds on the old garden wall, how many remain when all fly away?`,
  choices: ['none of them', k % 2 ? 'all of them, and a cat' : 'one'],
  answer: k % 3 === 0 ? 1 : 0,
}));
const linesOf = (rows: readonly object[]) =>
  new Blob([rows.map((row) => `${JSON.stringify(row)}\n`).join('')]);
const FILE = { name: 'birds.jsonl', data: linesOf(QUESTIONS) };

const request = (fields: Partial<TasksRequest> = {}): TasksRequest => ({
  tasks: ['birds'],
  variants: [
    { kind: 'original', removed: [] },
    { kind: 'plan', removed: [1] },
  ],
  limit: null,
  seed: 0,
  device: 'wasm',
  ...fields,
});

const likelihoods = ({ tasks }: TasksResult): number[][] =>
  tasks.flatMap(({ outcomes }) =>
    outcomes.map(({ items }) =>
      items.flatMap(({ choices }) => choices.map(({ logLikelihood }) => logLikelihood)),
    ),
  );

test('rows are loaded once, told from those that differ, drawn and answered', async () => {
  const studio = await browser()();
  const notes = { name: 'notes.txt', data: new Blob(['hello']) };
  const { tasks, ignored } = await studio.loadTasks([FILE, notes]);
  expect(tasks).toMatchObject([{ task: 'birds', rows: 48, source: { builtIn: false } }]);
  expect(ignored.map(({ file }) => file)).toEqual(['notes.txt']);
  const copy = { ...FILE, name: 'copy/birds.jsonl' };
  const [same] = (await studio.loadTasks([copy])).tasks;
  expect(same?.source.files).toEqual(['birds.jsonl', 'copy/birds.jsonl']);
  const other = { name: 'other/birds.jsonl', data: linesOf(QUESTIONS.slice(1)) };
  await expect(studio.loadTasks([other])).rejects.toThrow('other/birds.jsonl');
  const builtIn = (await studio.loadBuiltInTasks()).tasks;
  expect(builtIn.filter(({ source }) => source.builtIn)).toHaveLength(7);
  expect(builtIn.at(-1)?.task).toBe('birds');

  const { quantised } = await studio.quantise(
    {
      removed: [1],
      dtype: 'q8',
      settings: { ...QUANTISE_DEFAULTS, method: 'rtn', bits: 8 },
      forms: {},
      mixed: null,
      data: { ...QUANTISE_DATA, samples: 1, length: 8, heldOut: null },
      windows: { name: 'one', windows: [[5, 6, 7]] },
      device: 'wasm',
    },
    () => {},
  );
  const asked = request({ limit: 5, seed: 2 });
  asked.variants.push({ kind: 'quantised', removed: [1], quantised: quantised.id });
  const estimate = await studio.estimateTasks(asked);
  expect(estimate).toMatchObject({ rows: 5, sequences: 10 });
  const result = await studio.scoreTasks(asked, () => {});
  const [task] = result.tasks;
  expect(task?.outcomes.map(({ rows, total }) => [rows, total])).toEqual([
    [5, 48],
    [5, 48],
    [5, 48],
  ]);
  expect(result.tokens.unshared).toBe(3 * estimate.tokens.unshared);
  const [, plan = [], few = []] = likelihoods(result);
  expect(few).not.toEqual(plan);
  for (const [k, value] of few.entries()) expect(Math.abs(value - plan[k]!)).toBeLessThan(0.5);
  const docs = task!.outcomes[0]!.items.map(({ doc }) => doc);
  const rows = await studio.taskRows('birds', docs);
  expect(rows.map(({ choices }) => choices)).toEqual(docs.map((doc) => QUESTIONS[doc]!.choices));
  await studio.forgetTasks('birds');
  await expect(studio.scoreTasks(asked, () => {})).rejects.toThrow('birds');
});

test('a cancelled run has said what was answered, and goes on in another tab', async () => {
  const fresh = browser();
  const first = await fresh();
  await first.loadTasks([FILE]);
  let partial: TasksResult | null = null;
  let cancels = false;
  const cancelled = first.scoreTasks(request(), (event: TasksEvent) => {
    if (event.type === 'partial') partial = event.result;
    if (event.type !== 'progress' || cancels || event.progress.phase !== 'score') return;
    // It is held before the next run, so that it cannot end first.
    cancels = 2 * event.progress.done > event.progress.total;
    if (!cancels) return;
    void first.pause(true);
    setTimeout(() => void first.cancel(), 100);
  });
  await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
  const answered = (partial as TasksResult | null)?.tasks[0]?.outcomes[0]?.rows ?? 0;
  expect(answered).toBeGreaterThan(0);
  expect(answered).toBeLessThan(48);
  const [job] = await first.interrupted();
  expect(job).toMatchObject({
    job: 'tasks',
    request: { tasks: ['birds'] },
    data: [{ task: 'birds', rows: 48 }],
  });

  const second = await fresh();
  await second.loadTasks([FILE]);
  const notes: string[] = [];
  const resumed = await second.scoreTasks(request(), (event) => {
    if (event.type === 'note') notes.push(event.text);
  });
  expect(notes.some((note) => note.startsWith('Resumed at'))).toBe(true);
  expect(await second.interrupted()).toEqual([]);
  const whole = await second.scoreTasks(request(), () => {});
  for (const [variant, values] of likelihoods(whole).entries())
    for (const [k, value] of values.entries())
      expect(Math.abs(likelihoods(resumed)[variant]![k]! - value)).toBeLessThan(1e-4);
});
