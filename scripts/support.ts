// Runs the test corpus and writes e2e/fixtures/support.json and docs/support.md: npx tsx
// scripts/support.ts [<corpus folder> <golden folder>]... Without further corpora, the rows that an
// earlier run recorded of them stay.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { graphOf, mustOpen, readCorpus } from '../src/cli/corpus/entries.ts';
import {
  type SupportRow,
  type SupportTask,
  supportOf,
  supportTable,
} from '../src/cli/corpus/support.ts';
import { type CorpusGolden, floatGolden, nllTolerance } from '../src/cli/corpus/types.ts';
import { nodeLoader } from '../src/runtime/device/ort.node.ts';
import { openWasm } from '../src/runtime/device/wasmEngine.ts';
import { fixturePath, golden, type Level0Golden, wholeCorpus } from '../src/testing/fixtures.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/**
 * Limits of a mean NLL: float32 graphs against PyTorch; 4-bit and float16 graphs against exact
 * activations, by the type they compute in.
 */
const LIMIT = { float32: 1e-4, quantised: 2e-3, float16: 1e-2 };

/** A graph with logits of the last token only is held to the same model with its whole head. */
const SIBLING: Readonly<Record<string, string>> = {
  'genai-llama-fp32-cpu-prunehead': 'genai-llama-fp32-webgpu',
};

/** float16 activations. */
const HALF_ACTIVATIONS = /fp16|q4f16|int4-webgpu/;

function limitOf(name: string, dtype: string): number {
  if (dtype === 'fp32') return LIMIT.float32;
  return HALF_ACTIVATIONS.test(name) ? LIMIT.float16 : LIMIT.quantised;
}

function goldenOf(name: string, dtype: string, supported: boolean): SupportTask['golden'] {
  if (!supported) return null;
  const { windows, baseline, blocks } = golden(SIBLING[name] ?? name);
  if (!baseline || !blocks) return null;
  const exact = golden<Level0Golden>('level0').folders[name];
  return {
    windows,
    nll: exact?.nll ?? baseline.nll,
    blocks: exact?.blocks ?? blocks,
    tolerance: limitOf(name, dtype),
  };
}

/** The folders of the repository. */
function ownTasks(): SupportTask[] {
  return wholeCorpus().map(({ folder, family, exporter, dtype, file, supported }) => ({
    folder,
    family,
    exporter,
    dtype,
    path: fixturePath(folder),
    graph: file,
    golden: goldenOf(folder, dtype, supported),
  }));
}

/** The folders of another corpus that the repository has not. */
function tasksOf(root: string, goldens: string): SupportTask[] {
  const own = new Set(wholeCorpus().map(({ folder }) => folder));
  const entries = readCorpus(root).entries as (ReturnType<typeof readCorpus>['entries'][number] & {
    family?: string;
    exporter?: string;
  })[];
  return entries
    .filter((entry) => !own.has(entry.folder))
    .map((entry) => {
      const path = join(goldens, `${entry.folder}.json`);
      const read =
        mustOpen(entry) && existsSync(path)
          ? (JSON.parse(readFileSync(path, 'utf8')) as CorpusGolden)
          : null;
      const floats = read && floatGolden(read);
      const golden = floats ?? read;
      return {
        folder: entry.folder,
        family: entry.family ?? '',
        exporter: entry.exporter ?? '',
        dtype: entry.dtype,
        path: join(root, entry.folder),
        graph: graphOf(entry),
        golden:
          golden?.baseline && golden.blocks
            ? {
                windows: golden.windows,
                nll: golden.baseline.nll,
                blocks: golden.blocks,
                tolerance: floats ? LIMIT.float32 : nllTolerance(entry.dtype, golden),
              }
            : null,
      };
    });
}

async function main(): Promise<void> {
  const folders = process.argv.slice(2);
  const engine = await openWasm(nodeLoader);
  const rows: SupportRow[] = [];
  const look = async (task: SupportTask): Promise<SupportRow> => {
    const row = await supportOf(task, engine);
    console.log(
      `${task.folder}: opens ${row.opens}, NLL ${row.nllDifference?.toExponential(1)}, prunes ` +
        `${row.prunes}, ${row.verified}`,
    );
    return row;
  };
  for (const task of ownTasks()) rows.push(await look(task));
  const elsewhere: SupportRow[] = [];
  for (let k = 0; k + 1 < folders.length; k += 2)
    for (const task of tasksOf(folders[k] ?? '', folders[k + 1] ?? ''))
      elsewhere.push({ ...(await look(task)), elsewhere: true });
  const record = `${ROOT}e2e/fixtures/support.json`;
  const known = new Set([...rows, ...elsewhere].map(({ folder }) => folder));
  const before = JSON.parse(readFileSync(record, 'utf8')) as SupportRow[];
  const kept = before.filter((row) => row.elsewhere && !known.has(row.folder));
  const all = [...rows, ...elsewhere, ...kept];
  await engine.dispose();
  writeFileSync(record, `${JSON.stringify(all, null, 1)}\n`);
  writeFileSync(`${ROOT}docs/support.md`, supportTable(all));
}

void main();
