// `corpus`: opens, scores, prunes and checks every folder of a corpus against its golden numbers;
// one row each, exit code 1 on any miss.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EspalierError, toReport } from '../../errors.ts';
import { openModel } from '../../model/open/open.ts';
import { type CountingFolder, nodeFolder } from '../../node/folder.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { nodeLoader } from '../../runtime/device/ort.node.ts';
import { openWasm } from '../../runtime/device/wasmEngine.ts';
import { openWebgpu } from '../../runtime/device/webgpuEngine.ts';
import { graphPath, UsageError } from '../args.ts';
import { defineCommand } from '../command.ts';
import type { Options, Values } from '../options.ts';
import { checkJsonTarget, note, status, statusDone, writeJson } from '../output.ts';
import { COMMON_OPTIONS, RUN_OPTIONS, type RunValues } from '../sharedOptions.ts';
import { type CorpusEntry, checkPruned, checkScores, checkStructure, noFindings } from './check.ts';
import type { CorpusGolden } from './types.ts';

export interface CorpusRow {
  folder: string;
  expected: 'supported' | 'refused';
  opened: boolean;
  refusal?: string;
  maxNllDiff: number | null;
  maxUnitDiff: number | null;
  maxLogitDiff: number | null;
  greedyEqual: boolean | null;
  prunedChecked: number;
  partsVerified: number;
  ok: boolean;
  /** Misses, or what could not be compared. */
  why?: string;
}

const OPTIONS = {
  golden: { type: 'text', value: 'dir', required: true, help: 'folder of the golden numbers' },
  only: { type: 'text', value: 'names', help: 'folders to check, such as a,b; by default all' },
  ...RUN_OPTIONS,
  json: COMMON_OPTIONS.json,
  model: {
    type: 'text',
    value: 'graph',
    help: 'graph inside each folder, in place of the one that corpus.json names',
  },
} as const satisfies Options;

export const corpus = defineCommand({
  summary: 'check a corpus of model folders against its golden numbers',
  about:
    'For work on Espalier itself: opens, scores, prunes and checks every folder that corpus.json ' +
    'lists; a row each, exit code 1 on any miss.',
  argument: { value: 'dir', help: 'the folder that holds corpus.json' },
  options: OPTIONS,
  examples: [
    'e2e/fixtures --golden e2e/fixtures/golden --only optimum-llama-fp32,neg-value-residual',
  ],
  run,
});

async function run(root: string, values: Values<typeof OPTIONS>): Promise<number> {
  checkJsonTarget(values.json);
  const only = values.only?.split(',');
  const all = readEntries(root);
  const unknown = only?.find((name) => !all.some((entry) => entry.folder === name));
  if (unknown !== undefined)
    throw new UsageError(`--only names "${unknown}", which is not in corpus.json.`);
  const entries = all
    .filter((entry) => !only || only.includes(entry.folder))
    .map((entry) =>
      values.model === undefined ? entry : { ...entry, file: graphPath(values.model) },
    );
  const engine =
    values.device === 'webgpu' ? await openWebgpu(nodeLoader) : await openWasm(nodeLoader);
  const rows: CorpusRow[] = [];
  for (const [k, entry] of entries.entries()) {
    status(`${k + 1}/${entries.length} ${entry.folder}`);
    rows.push(await checkFolder(root, entry, values.golden, values, engine));
  }
  statusDone();
  await engine.dispose();
  const good = rows.filter((row) => row.ok).length;
  const failed = rows.length - good;
  writeJson(values.json, { rows, ok: good, failed });
  for (const row of rows.filter((r) => !r.ok)) note(`${row.folder}: ${row.why}`);
  if (entries.length === 0)
    throw new EspalierError(
      'bad-input',
      'No folder of the corpus was checked.',
      'Look at corpus.json and --only.',
    );
  if (!only && rows.length !== all.length)
    note(`corpus.json has ${all.length} entries, ${rows.length} were checked.`);
  return failed > 0 || (!only && rows.length !== all.length) ? 1 : 0;
}

function readEntries(root: string): CorpusEntry[] {
  try {
    const entries = JSON.parse(readFileSync(join(root, 'corpus.json'), 'utf8')) as CorpusEntry[];
    if (!Array.isArray(entries) || entries.some((entry) => typeof entry?.folder !== 'string'))
      throw new Error('not an array of entries');
    return entries;
  } catch (error) {
    throw new EspalierError(
      'missing-file',
      `${root} has no readable corpus.json.`,
      'Name a folder that holds one.',
      String(error),
    );
  }
}

async function checkFolder(
  root: string,
  entry: CorpusEntry,
  goldens: string,
  values: RunValues,
  engine: Engine,
): Promise<CorpusRow> {
  const found = noFindings();
  let opened = false;
  let refusal: string | undefined;
  let folder: CountingFolder | null = null;
  let there = false;
  try {
    folder = await nodeFolder(join(root, entry.folder));
    there = folder.files.some((file) => file.path === entry.file);
    const model = await openModel(folder, entry.file);
    opened = true;
    if (!entry.supported) found.misses.push('opened, but a refusal is expected');
    else {
      checkStructure(model, entry, found);
      const path = join(goldens, `${entry.folder}.json`);
      if (!existsSync(path)) found.misses.push(`there is no golden ${entry.folder}.json`);
      else {
        const golden = JSON.parse(readFileSync(path, 'utf8')) as CorpusGolden;
        await checkScores(model, entry, golden, values, engine, found);
        await checkPruned(model, entry, golden, engine, found);
      }
    }
  } catch (error) {
    const report = toReport(error);
    if (!opened) refusal = report.message;
    // A missing folder or graph is not a refusal of what it holds.
    const expected = there && !opened && !entry.supported && report.code !== 'bug';
    if (!expected)
      found.misses.push(
        `${opened ? '' : 'not opened: '}${report.message}${report.code === 'bug' ? ` ${report.detail}` : ''}`,
      );
  } finally {
    await folder?.close();
  }
  const { misses, notes, ...numbers } = found;
  const why = [...misses, ...new Set(notes)].join('; ');
  return {
    folder: entry.folder,
    expected: entry.supported ? 'supported' : 'refused',
    opened,
    ...(refusal === undefined ? {} : { refusal }),
    ...numbers,
    ok: misses.length === 0,
    ...(why ? { why } : {}),
  };
}
