// Runs the test corpus and writes e2e/fixtures/support.json and docs/support.md: npx tsx
// scripts/support.ts

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type SupportRow,
  type SupportTask,
  supportOf,
  supportTable,
} from '../src/cli/corpus/support.ts';
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

async function main(): Promise<void> {
  const engine = await openWasm(nodeLoader);
  const rows: SupportRow[] = [];
  for (const { folder, family, exporter, dtype, file, supported } of wholeCorpus()) {
    const task = {
      folder,
      family,
      exporter,
      dtype,
      path: fixturePath(folder),
      graph: file,
      golden: goldenOf(folder, dtype, supported),
    };
    const row = await supportOf(task, engine);
    console.log(
      `${folder}: opens ${row.opens}, NLL ${row.nllDifference?.toExponential(1)}, prunes ` +
        `${row.prunes}, ${row.verified}`,
    );
    rows.push(row);
  }
  await engine.dispose();
  writeFileSync(`${ROOT}e2e/fixtures/support.json`, `${JSON.stringify(rows, null, 1)}\n`);
  writeFileSync(`${ROOT}docs/support.md`, supportTable(rows));
}

void main();
