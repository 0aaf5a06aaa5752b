// What leaves the page of the scores of tasks: the record of an export and back, means of variants,
// tables.

import { expect, it } from 'vitest';
import { readProvenance, writeProvenance } from '../../model/export/provenance.ts';
import { EXAMPLE } from '../../model/testing/provenance.ts';
import { csvFile } from '../takeaway/file.ts';
import { answers, tasks as scores } from '../takeaway/tasks.ts';
import { setUp } from '../testing/setUp.ts';
import { variantRows } from '../variants/variants.ts';
import { meansAtExport, tasksMeans } from './means.ts';
import { tasksRecords, withRestored } from './record.ts';
import { scoredOf } from './recorded.ts';

const FILES = {
  name: 'boolq',
  files: [{ path: 'val.jsonl', file: new File(['{}'], 'val.jsonl') }],
};

/** Original and plan on rows of the person. */
async function answered() {
  const all = setUp();
  await all.actions.openSample();
  all.actions.setRemoved([7, 9]);
  await all.actions.loadTasks(FILES);
  await all.actions.scoreTasks();
  return all;
}

it('an export has the scores, and they come back without the answers', async () => {
  const { actions, get, studio, store } = await answered();
  await actions.exportModel('pruned');
  const request = studio.calls.findLast(({ name }) => name === 'export')?.args[0];
  const records = tasksRecords(get());
  expect(request).toMatchObject({ study: { tasks: records } });
  const [record] = records;
  expect(record).toMatchObject({
    variants: [{ kind: 'original' }, { kind: 'plan', removed: [7, 9] }],
    tasks: [{ task: 'boolq', rows: 8, outcomes: [{ rows: 8 }, { acc: 0.75 }] }],
  });
  const study = { criteria: [], search: [], evaluations: [], tasks: records };
  const source = { ...EXAMPLE.source, numBlocks: 16 };
  const text = writeProvenance({ ...EXAMPLE, source, study });
  const read = readProvenance(text).study?.tasks ?? [];
  const restored = read.map(scoredOf);
  expect(restored[0]).toMatchObject({
    whole: true,
    result: { means: get().tasks.shown?.result.means },
  });
  expect(restored[0]?.result.tasks[0]?.outcomes[0]).toMatchObject({ total: 8, items: [] });
  // What the page knows, with its answers, is not replaced.
  const known = withRestored(get().tasks, restored);
  expect(known.results).toEqual(get().tasks.results);
  const others = withRestored({ shown: null, results: [] }, restored);
  expect(others).toEqual({ shown: restored[0], results: restored });
  const madeFrom = { tasks: restored, removed: [7, 9], healing: null, quantisation: null };
  const [original, plan] = record?.means ?? [];
  expect(meansAtExport(madeFrom, null)).toMatchObject({
    original: { mean: original },
    plan: { mean: plan },
  });
  const own = { rows: 'others', means: new Map(), words: '' };
  expect(meansAtExport(madeFrom, own)).toEqual({ original: null, plan: null });
  store.dispose();
});

it('variants have the means of one set of rows, without those that come along', async () => {
  const { actions, get, store } = await answered();
  const means = () => variantRows(get()).map(({ key, tasks }) => [key, tasks?.mean]);
  const { means: found = [] } = get().tasks.shown?.result ?? {};
  expect(means()).toEqual([
    ['', found[0]],
    ['7,9', found[1]],
  ]);
  expect(tasksMeans(get())?.words).toBe(
    'accuracy, BoolQ, at most 200 rows of each, drawn with seed 0',
  );
  const { difference } = variantRows(get())[1]?.tasks ?? {};
  expect(difference?.value).toBeCloseTo(found[1]! - found[0]!, 12);

  actions.setRemoved([3]);
  await actions.scoreTasks();
  expect(means().map(([key]) => key)).toEqual(['', '3', '7,9']);
  expect(means().every(([, mean]) => typeof mean === 'number')).toBe(true);
  actions.setTasks({ seed: 5 });
  await actions.scoreTasks();
  expect(means()).toEqual([
    ['', found[0]],
    ['3', found[1]],
  ]);
  await actions.forgetTasks(null);
  await actions.loadBuiltInTasks();
  await actions.scoreTasks();
  expect(get().tasks.shown?.result.tasks[0]?.source.builtIn).toBe(true);
  expect(tasksMeans(get())?.words).toContain('seed 5');
  store.dispose();
});

it('the tables have every score and every answer', async () => {
  const { get, store } = await answered();
  const table = scores.table(get());
  expect(table.rows.map(([task, variant]) => [task, variant])).toEqual([
    ['BoolQ', 'original'],
    ['BoolQ', '−2: 7, 9'],
    ['Mean of tasks', 'original'],
    ['Mean of tasks', '−2: 7, 9'],
  ]);
  const [header, ...lines] = csvFile(answers, get(), new Date()).trimEnd().split('\r\n');
  expect(header).toMatch(/^task,doc,variant,removed,choice,is_right,is_chosen,/);
  // Eight rows, two variants, two choices; the plan takes the wrong one in row 6.
  expect(lines.length).toBe(32);
  expect(lines[26]).toMatch(/^boolq,6,"−2: 7, 9",/);
  expect(lines[26]).toContain(',0,true,false,,6,1,-2,boolq own');
  store.dispose();
});
