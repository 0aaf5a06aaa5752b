// `corpus`: opens, scores, prunes and checks every folder of a corpus against its golden numbers;
// one row each, exit code 1 on any miss.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EspalierError, toReport } from '../../errors.ts';
import { isTensorFiles } from '../../model/graphs/tensorChoices.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { type CountingFolder, nodeFolder } from '../../node/folder.ts';
import type { Engine } from '../../runtime/device/engine.ts';
import { runtimeOf } from '../../runtime/device/ort.ts';
import { graphPath, UsageError } from '../args.ts';
import { defineCommand } from '../command.ts';
import { noteDevice, openEngine } from '../device.ts';
import type { Options, Values } from '../options.ts';
import { checkJsonTarget, note, status, statusDone, writeJson } from '../output.ts';
import { COMMON_OPTIONS, RUN_OPTIONS, type RunValues } from '../sharedOptions.ts';
import { checkLegalRemovals, checkScores, checkStructure } from './check.ts';
import { type CorpusEntry, graphOf, hasNoKernel, mustOpen, readCorpus } from './entries.ts';
import { checkPruned } from './pruned.ts';
import { checkTensors } from './tensors.ts';
import { type CorpusGolden, type Findings, noFindings } from './types.ts';
import { checkAgainstWholeGraphs, checkNoKernel } from './unlisted.ts';

export interface CorpusRow {
  folder: string;
  expected: 'supported' | 'refused';
  opened: boolean;
  refusal?: string;
  maxNllDiff: number | null;
  maxRoundedNllDiff: number | null;
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
    help: 'graph inside each folder, in place of the one that the list names',
  },
} as const satisfies Options;

export const corpus = defineCommand({
  summary: 'check a corpus of model folders against its golden numbers',
  about:
    'For work on Espalier itself: opens, scores, prunes and checks every folder that ' +
    'corpus.json, corpus2.json or corpus3.json lists; a row each, exit code 1 on any miss. ' +
    'What tensor files are pruned to is held against the tensors of the golden one by one.',
  argument: { value: 'dir', help: 'the folder that holds the list' },
  options: OPTIONS,
  examples: [
    'e2e/fixtures --golden e2e/fixtures/golden --only optimum-llama-fp32,neg-value-residual',
  ],
  run,
});

async function run(root: string, values: Values<typeof OPTIONS>): Promise<number> {
  checkJsonTarget(values.json);
  const only = values.only?.split(',');
  const { file: list, entries: all } = readCorpus(root);
  const unknown = only?.find((name) => !all.some((entry) => entry.folder === name));
  if (unknown !== undefined)
    throw new UsageError(`--only names "${unknown}", which is not in ${list}.`);
  const chosen = all.filter((entry) => !only || only.includes(entry.folder));
  const entries = chosen.map((entry) =>
    values.model === undefined ? entry : { ...entry, file: graphPath(values.model) },
  );
  const engine = await openEngine(values);
  const rows: CorpusRow[] = [];
  for (const [k, entry] of entries.entries()) {
    status(`${k + 1}/${entries.length} ${entry.folder}`);
    rows.push(await checkFolder(root, list, entry, values.golden, values, engine));
  }
  statusDone();
  await engine.dispose();
  const good = rows.filter((row) => row.ok).length;
  const failed = rows.length - good;
  const device = { kind: engine.kind, name: engine.name, runtime: runtimeOf(engine) };
  writeJson(values.json, { rows, ok: good, failed, device });
  noteDevice(device.name, device.runtime);
  for (const row of rows.filter((r) => !r.ok)) note(`${row.folder}: ${row.why}`);
  if (entries.length === 0)
    throw new EspalierError(
      'bad-input',
      'No folder of the corpus was checked.',
      `Look at ${list} and --only.`,
    );
  if (!only && rows.length !== all.length)
    note(`${list} has ${all.length} entries, ${rows.length} were checked.`);
  return failed > 0 || (!only && rows.length !== all.length) ? 1 : 0;
}

async function checkFolder(
  root: string,
  list: string,
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
    const graph = graphOf(entry);
    there = folder.files.some(({ path }) =>
      graph ? path === graph : path.endsWith('.onnx') || isTensorFiles(path),
    );
    const model = await openModel(folder, graph);
    opened = true;
    const path = join(goldens, `${entry.folder}.json`);
    const golden = existsSync(path)
      ? (JSON.parse(readFileSync(path, 'utf8')) as CorpusGolden)
      : null;
    // Later lists were made before scalar constants counted as weights.
    checkStructure(model, entry, found, list !== 'corpus.json');
    await checkOpened(model, entry, golden, values, engine, found);
  } catch (error) {
    const report = toReport(error);
    if (!opened) refusal = report.message;
    // A missing folder or graph is not a refusal of what it holds.
    const expected = there && !opened && !mustOpen(entry) && report.code !== 'bug';
    // A graph without caches shares none.
    if (expected && entry.states?.length === 0 && /\bcaches?\b/i.test(report.message))
      found.misses.push(`the refusal speaks of caches, and there are none: ${report.message}`);
    const detail = report.code === 'bug' ? ` ${report.detail}` : '';
    if (!expected) found.misses.push(`${opened ? '' : 'not opened: '}${report.message}${detail}`);
  } finally {
    await folder?.close();
  }
  const { misses, notes, ...numbers } = found;
  const why = [...misses, ...new Set(notes)].join('; ');
  return {
    folder: entry.folder,
    expected: mustOpen(entry) ? 'supported' : 'refused',
    opened,
    ...(refusal === undefined ? {} : { refusal }),
    ...numbers,
    ok: misses.length === 0,
    ...(why ? { why } : {}),
  };
}

/** Everything that is checked of a folder once it is open. */
async function checkOpened(
  model: OpenedModel,
  entry: CorpusEntry,
  golden: CorpusGolden | null,
  values: RunValues,
  engine: Engine,
  found: Findings,
): Promise<void> {
  await checkLegalRemovals(model, entry, found);
  if (hasNoKernel(entry)) {
    await checkNoKernel(model, engine, found);
    if (golden) await checkPruned(model, entry, golden, engine, found, false);
  } else if (golden) {
    await checkScores(model, entry, golden, values, engine, found);
    await checkPruned(model, entry, golden, engine, found);
    await checkTensors(model, golden, found);
  } else if (mustOpen(entry)) found.misses.push(`there is no golden ${entry.folder}.json`);
  else await checkAgainstWholeGraphs(model, entry.dtype, values, found);
}
