// Tables that leave the page, made of a store on stand-ins: numbers, quoting, fields of JSON.

import { expect, it } from 'vitest';
import { csvOf, quoted } from '../../csv.ts';
import { golden, type SampleGolden } from '../../testing/fixtures.ts';
import { scored, setUp, until } from '../testing/setUp.ts';
import { csvFile, fileName, jsonFile } from './file.ts';
import { MAKERS } from './makers.ts';
import { importance } from './scores.ts';
import { objectsOf, type Table } from './table.ts';
import { TAKEAWAYS } from './takeaways.ts';

const sample = golden<SampleGolden>('sample');
const WHEN = new Date(2026, 2, 14, 9, 26, 53);

/** Records of RFC 4180; enough for what is written here. */
function parseCsv(text: string): string[][] {
  expect(text.endsWith('\r\n')).toBe(true);
  return text
    .slice(0, -2)
    .split('\r\n')
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
        ([, quotedCell, plain]) => quotedCell?.replaceAll('""', '"') ?? plain ?? '',
      ),
    );
}

it('cells are quoted where needed, numbers are plain, formulas are texts', () => {
  expect(['a,b', 'say "no"', 'two\nlines', 'plain', ''].map(quoted)).toEqual([
    '"a,b"',
    '"say ""no"""',
    '"two\nlines"',
    'plain',
    '',
  ]);
  expect([1234567.125, -2.5, 0, null, Number.NaN, 1e-9, true].map(quoted)).toEqual([
    '1234567.125',
    '-2.5',
    '0',
    '',
    '',
    '1e-9',
    'true',
  ]);
  expect(['=HYPERLINK("x")', '+1', '-1', '@a', '\tb'].map(quoted)).toEqual([
    '"\'=HYPERLINK(""x"")"',
    "'+1",
    "'-1",
    "'@a",
    "'\tb",
  ]);
});

it('a table without rows has its header, and what no file can hold is null', () => {
  const table: Table = {
    columns: [
      { name: 'a', kind: 'number' },
      { name: 'b', kind: 'text' },
    ],
    rows: [],
  };
  expect(csvOf(table)).toBe('a,b\r\n');
  expect(objectsOf({ ...table, rows: [[Number.POSITIVE_INFINITY, 'x']] })).toEqual([
    { a: null, b: 'x' },
  ]);
});

it('names of files keep letters and digits of any script, and the day of the clock', () => {
  expect(fileName('austen', 'importance', WHEN, 'csv')).toBe('austen-importance-20260314.csv');
  expect(fileName('../a b/модель', 'speed', WHEN, 'svg')).toBe('a-b-модель-speed-20260314.svg');
  expect(fileName('***', 'speed', WHEN, 'svg')).toBe('model-speed-20260314.svg');
});

it('the importance of blocks has all digits of the curve, ranks, groups, the plan', async () => {
  const { actions, get, store } = await scored();
  actions.toggle(7);
  const [header, ...lines] = parseCsv(csvFile(importance, get(), WHEN));
  expect(header).toEqual([
    'block',
    'nll_nats',
    'ppl',
    'nll_low_nats',
    'nll_high_nats',
    'ppl_low',
    'ppl_high',
    'rank',
    'group',
    'removed',
    'locked',
    'refused',
  ]);
  expect(lines.length).toBe(16);
  for (const [block, line] of lines.entries()) {
    const { nll } = get().score.curve!.result.blocks[block]!;
    expect(line.slice(0, 3).map(Number)).toEqual([block, nll, Math.exp(nll)]);
    expect(Math.exp(nll) / sample.loo_ppl[block]!).toBeCloseTo(1, 5);
    expect(Number(line[5])).toBeLessThanOrEqual(Number(line[2]));
  }
  const ranks = lines.map((line) => Number(line[7]));
  expect([...ranks].sort((a, b) => a - b)).toEqual(ranks.map((_, i) => i + 1));
  expect(lines.map((line) => line[9])).toEqual(lines.map((_, i) => String(i === 7)));
  store.dispose();
});

it('JSON says what, of which model, how and where it was measured', async () => {
  const { get, store } = await scored();
  const file = JSON.parse(jsonFile(TAKEAWAYS[0]!, importance, get(), WHEN));
  expect(file).toMatchObject({
    format: 'espalier-data',
    version: 1,
    date: WHEN.toISOString(),
    what: 'importance',
    model: { numBlocks: 16, graph: 'onnx/model.onnx' },
    plan: { removed: [], locked: [] },
    settings: { text: 'bundled', length: 128, windows: 10 },
    device: { kind: 'wasm' },
  });
  expect(file.settings.original.nll_nats).toBe(get().score.curve!.result.baseline.nll);
  expect(file.rows.length).toBe(16);
  expect(Object.keys(file.rows[0])).toContain('ppl_high');
  store.dispose();
});

it('nothing is offered before there is anything, then each with rows of one width', async () => {
  const { actions, get, store } = setUp();
  expect(TAKEAWAYS.filter((row) => row.shown(get()))).toEqual([]);
  await actions.openSample();
  expect(TAKEAWAYS.filter((row) => row.shown(get())).map(({ id }) => id)).toEqual(['architecture']);
  await actions.score();
  await actions.scoreSublayers();
  await actions.compareCriteria();
  actions.toggle(7);
  actions.toggle(9);
  await actions.search();
  actions.setStudy({ sizes: [10], seeds: 2 });
  await actions.studyStability();
  actions.setHealMethods(['lora']);
  await actions.heal();
  actions.setMixed({ kind: 'bytes' });
  await actions.quantise();
  await actions.evaluate();
  await actions.loadBuiltInTasks();
  await actions.scoreTasks();
  await actions.measureSpeed('quick');
  await actions.sweepBatches();
  await actions.compareWidth();
  await actions.generate();
  await until(() => TAKEAWAYS.every((row) => row.shown(get())));
  for (const row of TAKEAWAYS) {
    const maker = MAKERS[row.id];
    const table = maker.table(get());
    expect(table.rows.length, row.id).toBeGreaterThan(0);
    expect(new Set(table.columns.map(({ name }) => name)).size).toBe(table.columns.length);
    for (const cells of table.rows) expect(cells.length, row.id).toBe(table.columns.length);
    const [header, ...lines] = parseCsv(csvFile(maker, get(), WHEN));
    for (const line of lines) expect(line.length, row.id).toBe(header!.length);
    expect(JSON.parse(jsonFile(row, maker, get(), WHEN)), row.id).toBeTypeOf('object');
    if (row.id !== 'architecture') expect(maker.measured(get()).words, row.id).not.toBe('');
  }
  store.dispose();
});
