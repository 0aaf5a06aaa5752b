// Tasks in the store: rows given and dropped, what is asked for, partial results kept, rows that
// are read, interrupted runs resumed.

import { expect, test } from 'vitest';
import type { Interrupted } from '../../contract/interrupted.ts';
import { asFolder } from '../../files/pickedFolder.ts';
import { offeredJobs } from '../longJob.ts';
import { fakeQuantised } from '../testing/fakeQuantising.ts';
import { noDisk, scored, setUp, until } from '../testing/setUp.ts';
import { namedFiles } from './actions.ts';
import {
  isStaleTasks,
  rowsRead,
  tasksEstimate,
  tasksObstacle,
  tasksShown,
  taskVariants,
} from './selectors.ts';

const folderOf = (files: Record<string, string>) =>
  asFolder(
    Object.entries(files).map(([path, text]) => ({
      path,
      file: new File([text], path.split('/').at(-1)!),
    })),
    'dropped files',
  )!;

const BOOLQ = '{"question": "is it", "passage": "It is.", "answer": true}\n';
const INSTRUCTION = '{"instruction": "Say yes.", "output": "Yes."}\n';

test('files are named with their folder, one file by its own name', () => {
  const names = (files: Record<string, string>) =>
    namedFiles(folderOf(files)).map(({ name }) => name);
  expect(names({ 'ARC-Easy/test.jsonl': '' })).toEqual(['ARC-Easy/test.jsonl']);
  expect(names({ 'dev.jsonl': '' })).toEqual(['dev.jsonl']);
  expect(names({ 'a/x.jsonl': '', 'b/y.jsonl': '' })).toEqual(['a/x.jsonl', 'b/y.jsonl']);
  expect(names({ 'piqa/dev.jsonl': '', 'piqa/dev-labels.lst': '' })).toEqual([
    'piqa/dev-labels.lst',
    'piqa/dev.jsonl',
  ]);
});

test.each([
  ['one file of a task', { 'dev.jsonl': BOOLQ }, 'tasks'],
  ['a folder of tasks with other files', { 'd/dev.jsonl': BOOLQ, 'd/README.md': '' }, 'tasks'],
  ['a parquet file', { 'validation.parquet': 'PAR1' }, 'tasks'],
  ['rows in a list', { 'rows.json': `[${BOOLQ}]` }, 'tasks'],
  [
    'own questions',
    { 'own.jsonl': '{"context": "a", "choices": ["b", "c"], "answer": 0}' },
    'tasks',
  ],
  ['instructions', { 'rows.jsonl': INSTRUCTION }, 'heal'],
  ['a list of instructions', { 'rows.json': `[${INSTRUCTION}]` }, 'heal'],
])('%s that is dropped goes to its workspace', async (_, files, workspace) => {
  const { actions, get } = setUp({}, {}, { ...noDisk, readDrop: async () => folderOf(files) });
  await actions.openSample();
  await actions.drop({} as DataTransfer);
  expect([get().errors, get().view.workspace]).toEqual([{}, workspace]);
});

test('before a model is open, rows are kept; files without any are refused', async () => {
  let files: Record<string, string> = { 'dev.jsonl': BOOLQ };
  const disk = { ...noDisk, readDrop: async () => folderOf(files) };
  const { actions, get } = setUp({}, {}, disk);
  await actions.drop({} as DataTransfer);
  expect(get().view.toast?.text).toContain('dev.jsonl are kept');
  expect(get().tasks.loaded?.tasks.map(({ task }) => task)).toEqual(['boolq']);
  files = { 'x.parquet': '' };
  await actions.drop({} as DataTransfer);
  expect(get().errors.open?.message).toBe('No rows of a task were found in x.parquet.');
  await actions.openSample();
  expect(get().tasks.loaded?.tasks).toHaveLength(1);
});

test('files that cannot be read leave the rows that are there', async () => {
  const { actions, get } = await scored();
  await actions.loadBuiltInTasks();
  await actions.loadTasks(folderOf({ 'bad.jsonl': '' }));
  expect(get().errors.tasks?.message).toContain('bad.jsonl');
  expect(get().tasks.loaded?.tasks).toHaveLength(2);
  await actions.forgetTasks('boolq');
  expect(get().tasks.loaded?.tasks.map(({ task }) => task)).toEqual(['hellaswag']);
});

test('the plan answers with what it has: itself, its healing, its quantisation', async () => {
  const request = { removed: [3], dtype: 'q4', settings: { method: 'rtn', bits: 4, block: 32 } };
  const kept = fakeQuantised({ ...request, forms: {}, mixed: null, data: {} } as never);
  const { actions, get } = await scored({}, { quantisations: [kept] });
  const kinds = () => taskVariants(get()).map(({ kind }) => kind);
  expect(kinds()).toEqual(['original']);
  expect(tasksObstacle(get())).toContain('built-in rows');
  actions.setRemoved([3]);
  await until(() => kinds().length === 3);
  expect(kinds()).toEqual(['original', 'plan', 'quantised']);
  await actions.heal();
  expect(kinds()).toEqual(['original', 'plan', 'healed']);
});

test('a run asks for what is chosen, and its rows can be read', async () => {
  const { actions, get, studio } = await scored();
  actions.setRemoved([3]);
  await actions.loadBuiltInTasks();
  actions.setTasks({ leftOut: ['hellaswag'], limit: 20, seed: 3 });
  await actions.estimateTasks();
  expect(tasksEstimate(get())).toMatchObject({ rows: 8 });
  await actions.scoreTasks();
  expect(studio.calls.find(({ name }) => name === 'scoreTasks')?.args[0]).toMatchObject({
    tasks: ['boolq'],
    variants: [
      { kind: 'original', removed: [] },
      { kind: 'plan', removed: [3] },
    ],
    limit: 20,
    seed: 3,
  });
  expect(tasksShown(get())).toMatchObject({ state: 'whole' });
  expect(get().view.announcement).toContain('Accuracy 87.5 % and 75.0 %');
  const different = rowsRead(get())!;
  expect(different.rows.map(({ doc, row }) => [doc, row])).toEqual([[6, null]]);
  await actions.fetchRows();
  expect(rowsRead(get())!.rows[0]!.row?.context).toContain('is 6?');
  actions.readRows({ which: 'all' });
  await until(() => rowsRead(get())!.rows.every(({ row }) => row !== null));
  expect(rowsRead(get())!.count).toBe(8);

  // A newer run of the same thing takes its place; another plan makes it one of another plan.
  await actions.scoreTasks();
  expect(get().tasks.results).toHaveLength(1);
  actions.setRemoved([3, 4]);
  expect(isStaleTasks(get())).toBe(true);
});

test('a run that is cancelled keeps what was answered; it may be paused', async () => {
  const { actions, get, studio } = setUp({}, { stepMs: 60 });
  await actions.openSample();
  await actions.loadBuiltInTasks();
  const run = actions.scoreTasks();
  actions.pauseTasks(true);
  expect(get().tasks.paused).toBe(true);
  await until(() => (get().tasks.running?.partial ?? null) !== null);
  await actions.cancel();
  await run;
  expect(tasksShown(get())).toMatchObject({ state: 'stopped' });
  expect(get().tasks).toMatchObject({ running: null, paused: false });
  const pauses = studio.calls.filter(({ name }) => name === 'pause').map(({ args }) => args[0]);
  expect(pauses).toEqual([true, false]);
});

const interrupted = (fields: Partial<Extract<Interrupted, { job: 'tasks' }>> = {}) =>
  ({
    key: 't',
    job: 'tasks',
    request: {
      tasks: ['boolq'],
      variants: [
        { kind: 'original', removed: [] },
        { kind: 'plan', removed: [5] },
      ],
      limit: null,
      seed: 0,
      device: 'auto',
    },
    data: [
      {
        task: 'boolq',
        source: { files: ['built-in'], builtIn: true },
        rows: 8,
        sha256: 'boolq built-in',
      },
    ],
    device: { kind: 'wasm', name: 'CPU (wasm)' },
    done: 3,
    total: 8,
    savedAt: 1,
    ...fields,
  }) satisfies Interrupted;

test('an interrupted run is resumed with its plan and rows, once these are loaded', async () => {
  const job = interrupted();
  const { actions, get, studio } = setUp({}, { interrupted: [job] });
  await actions.openSample();
  await until(() => offeredJobs(get()).length > 0);
  await actions.resume(job);
  expect(studio.calls.find(({ name }) => name === 'scoreTasks')?.args[0]).toMatchObject({
    tasks: ['boolq'],
    limit: null,
  });
  expect(get().plan.present.removed).toEqual([5]);
  expect(tasksShown(get())?.state).toBe('whole');

  const [data] = job.data;
  const own = { ...data!, source: { files: ['dev.jsonl'], builtIn: false }, sha256: 'other' };
  await actions.resume(interrupted({ data: [own] }));
  expect(get().errors.tasks?.message).toContain('dev.jsonl');
});
