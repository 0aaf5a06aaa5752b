// docs/support.md is what the record says, and the record is what opening and (for three folders)
// scoring say now.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { fixturePath, golden, type Level0Golden, wholeCorpus } from '../../testing/fixtures.ts';
import { type SupportRow, supportOf, supportTable } from './support.ts';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');
const rows = JSON.parse(read('e2e/fixtures/support.json')) as SupportRow[];

test('docs/support.md is the table of the record', () => {
  expect(read('docs/support.md'), 'run: npx tsx scripts/support.ts').toBe(supportTable(rows));
});

test('the record has every folder of the corpus, and nothing that went wrong', () => {
  const own = rows.filter((row) => !row.elsewhere);
  expect(own.map(({ folder }) => folder)).toEqual(wholeCorpus().map(({ folder }) => folder));
  for (const row of rows) {
    expect(row.nllDifference ?? 0, row.folder).toBeLessThanOrEqual(row.tolerance);
    expect(row.verified, row.folder).not.toBe('failed');
    if (row.opens) expect(row.prunes, row.folder).toBe(true);
  }
});

test('opening says what the record says', async () => {
  for (const { folder: name, file } of wholeCorpus()) {
    const row = rows.find(({ folder }) => folder === name);
    const folder = await openFolder(fixturePath(name));
    const opened = await openModel(folder, file).catch(() => null);
    await folder.close();
    expect(opened !== null, name).toBe(row?.opens);
    if (opened) expect(opened.summary.canScore, name).toBe(row?.nllDifference !== null);
  }
});

describe('4-bit and last-token graphs, run again', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openWasm(nodeLoader);
  });
  afterAll(() => engine.dispose());

  test.each(['optimum-llama-q4g', 'genai-llama-int4-webgpu', 'genai-llama-fp32-cpu-prunehead'])(
    '%s',
    async (name) => {
      const recorded = rows.find(({ folder }) => folder === name);
      const entry = wholeCorpus().find(({ folder }) => folder === name);
      if (!recorded || !entry) throw new Error(`no ${name}`);
      const { family, exporter, dtype, file } = entry;
      const whole = golden(name.endsWith('prunehead') ? 'genai-llama-fp32-webgpu' : name);
      const exact = golden<Level0Golden>('level0').folders[name];
      const nll = exact?.nll ?? whole.baseline?.nll ?? Number.NaN;
      const blocks = exact?.blocks ?? whole.blocks ?? [];
      const task = { folder: name, family, exporter, dtype, path: fixturePath(name), graph: file };
      const row = await supportOf(
        { ...task, golden: { windows: whole.windows, nll, blocks, tolerance: recorded.tolerance } },
        engine,
      );
      expect(row.nllDifference).toBeLessThanOrEqual(recorded.tolerance);
      expect(row).toMatchObject({
        opens: true,
        prunes: true,
        verified: 'verified',
        note: recorded.note,
      });
    },
  );
});
