// Runs the benchmarks that have limits: opening, curve, CPU devices, time before scoring, search,
// Taylor, healing, quantising, memory, magnitudes, evaluation, tasks, the page, decoding, exports;
// and, where it is named, that of a GPU.
// `npm run bench -- [open] [curve] ... [--webgpu] [--before folder] [--json file]`; `--before`
// names the built page of an older version to compare the first page with. Of `cpu`: `--torch`, a
// result of tools/torch_curve.py to compare with (several may be given); `--large`, the folder of
// scripts/llama.ts in place of one made for the run, "none" to leave the large model out;
// `--large-windows`, how many windows of it are scored.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchCpu } from './bench/cpu.ts';
import { benchCurve } from './bench/curve.ts';
import { benchDecode } from './bench/decode.ts';
import { benchEstimate } from './bench/estimate.ts';
import { benchEvaluate } from './bench/evaluate.ts';
import { benchExport } from './bench/export.ts';
import { benchGpu } from './bench/gpu.ts';
import { benchHeal } from './bench/heal.ts';
import { benchMagnitudes } from './bench/magnitudes.ts';
import { benchMemory } from './bench/memory.ts';
import { benchOpen } from './bench/open.ts';
import { benchPage } from './bench/page.ts';
import { benchQuantise } from './bench/quantise.ts';
import { benchSearch } from './bench/search.ts';
import { benchTasks } from './bench/tasks.ts';
import { benchTaylor } from './bench/taylor.ts';

interface BenchOptions {
  webgpu: boolean;
  /** A built page. */
  before?: string | undefined;
  /** Of the cpu benchmark: results of tools/torch_curve.py, and how much of it to run. */
  torch: string[];
  large?: string | undefined;
  largeWindows: number;
}

const ROOT = join(import.meta.dirname, '..');
const PARTS: Record<
  string,
  (root: string, options: BenchOptions) => Promise<{ ok: boolean } | { ok: boolean }[]>
> = {
  open: benchOpen,
  curve: benchCurve,
  cpu: benchCpu,
  estimate: benchEstimate,
  search: benchSearch,
  taylor: benchTaylor,
  heal: benchHeal,
  quantise: benchQuantise,
  memory: benchMemory,
  magnitudes: benchMagnitudes,
  evaluate: benchEvaluate,
  tasks: benchTasks,
  page: benchPage,
  decode: benchDecode,
  export: benchExport,
  gpu: benchGpu,
};
/** Run only where they are named. */
const NAMED_ONLY = ['gpu'];

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: {
    webgpu: { type: 'boolean', default: false },
    before: { type: 'string' },
    json: { type: 'string', default: join(ROOT, 'bench-results', 'bench.json') },
    torch: { type: 'string', multiple: true, default: [] },
    large: { type: 'string' },
    'large-windows': { type: 'string', default: '2' },
  },
});
const target = values.json;
const options: BenchOptions = {
  webgpu: values.webgpu,
  before: values.before,
  torch: values.torch,
  large: values.large,
  largeWindows: Number(values['large-windows']),
};
if (asked.some((name) => !PARTS[name])) {
  console.error(
    `usage: npm run bench -- [${Object.keys(PARTS).join('] [')}] [--webgpu] [--before folder] ` +
      '[--torch file ...] [--large folder] [--large-windows n] [--json file]',
  );
  process.exit(2);
}

const results: Record<string, unknown> = {};
let ok = true;
const loadBefore = loadavg()[0];
const usual = Object.keys(PARTS).filter((name) => !NAMED_ONLY.includes(name));
for (const name of asked.length > 0 ? asked : usual) {
  console.error(`measuring: ${name}`);
  const result = await PARTS[name]!(ROOT, options);
  results[name] = result;
  ok &&= [result].flat().every((row) => row.ok);
}
const machine = {
  date: new Date().toISOString(),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  memoryBytes: totalmem(),
  /** Of one minute, before and after: what else the machine did. */
  load: [loadBefore, loadavg()[0]],
};
const text = `${JSON.stringify({ ok, machine, ...results }, null, 1)}\n`;
if (target === '-') process.stdout.write(text);
else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  console.error(`written: ${target}`);
}
console.error(ok ? 'every number is within its limit' : 'a number is beyond its limit');
// ONNX Runtime's module keeps the process alive.
process.exit(ok ? 0 : 1);
