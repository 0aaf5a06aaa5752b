// The importance curve on the CPU devices in one run: native ONNX Runtime on all cores, wasm on one
// thread and on all; and PyTorch's times of the same curve, where they are given.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenedModel, openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import type { Engine } from '../../src/runtime/device/engine.ts';
import { openNative } from '../../src/runtime/device/native/engine.ts';
import { createNodeLoader } from '../../src/runtime/device/ort.node.ts';
import { runtimeOf } from '../../src/runtime/device/ort.ts';
import { openWasm } from '../../src/runtime/device/wasmEngine.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { startClocks, type Timed } from './clocks.ts';
import { atLeast, atMost, type Check, report } from './limits.ts';
import { LLAMA_135M, randomWindows, writeLlama } from './llama.ts';
import { type PairedRatio, pairedRatio } from './paired.ts';
import { openSample } from './scored.ts';

export interface CpuOptions {
  /** Results of tools/torch_curve.py. */
  torch: readonly string[];
  /** Folder of scripts/llama.ts; undefined makes one, "none" leaves the model out. */
  large?: string | undefined;
  largeWindows: number;
}

interface DeviceRow {
  name: string;
  runtime: string;
  threads: number;
  /** Of a whole curve, round by round; the first, which compiles, is left out. */
  rounds: Timed[];
  /** NLL of the original and without each block. */
  nll: number[];
}

interface TorchRow {
  file: string;
  threads: number;
  /** Fastest curve with kept states, and with every variant run from the embedding. */
  reuseSeconds: number;
  plainSeconds: number | null;
  /** Fastest curve of PyTorch over the fastest native one. */
  ratio: number;
  maxNllDifference: number;
}

export interface CpuRow {
  model: string;
  windows: number;
  length: number;
  numBlocks: number;
  devices: { cpu: DeviceRow; wasm: DeviceRow; wasmThreads: DeviceRow | null };
  /** Speed of the native device over wasm, by the round. */
  overWasm: PairedRatio;
  overWasmThreads: PairedRatio | null;
  maxNllDifference: number;
  torch: TorchRow[];
  /** Of one minute, at the start and the end. */
  load: number[];
  checks: Check[];
  ok: boolean;
}

/** The sample's curve on the native device against one thread of wasm. */
const LEAST_RATIO = 4;
const MOST_DIFFERENCE = 1e-4;
const LENGTH = 128;

export async function benchCpu(root: string, options: CpuOptions): Promise<CpuRow[]> {
  const cores = availableParallelism();
  const engines: Engines = {
    cpu: await openNative(createNodeLoader({ threads: cores })),
    wasm: await openWasm(createNodeLoader({ threads: 1 })),
    wasmThreads: cores > 1 ? await openWasm(createNodeLoader({ threads: cores })) : null,
  };
  const sample = await openSample(root);
  const rows = [
    await measure('sample', sample.opened, sample.windows(10, LENGTH), engines, 5, options.torch),
  ];
  await sample.close();
  if (options.large !== 'none') rows.push(await benchLarge(root, engines, options));
  for (const engine of [engines.cpu, engines.wasm, engines.wasmThreads]) await engine?.dispose();
  report(rows.flatMap(({ checks }) => checks));
  return rows;
}

async function benchLarge(root: string, engines: Engines, options: CpuOptions): Promise<CpuRow> {
  const made = options.large === undefined ? mkdtempSync(join(tmpdir(), 'llama-')) : null;
  if (made) writeLlama(join(root, 'public/sample'), join(made, 'llama-135m'), LLAMA_135M);
  const folder = await nodeFolder(join(made ?? options.large!, 'llama-135m'));
  try {
    const opened = await openModel(folder);
    const windows = randomWindows(options.largeWindows, LENGTH, LLAMA_135M.vocab);
    return await measure('llama-135m', opened, windows, engines, 2, options.torch);
  } finally {
    await folder.close();
    if (made) rmSync(made, { recursive: true });
  }
}

interface Engines {
  cpu: Engine;
  wasm: Engine;
  wasmThreads: Engine | null;
}

async function measure(
  model: string,
  opened: OpenedModel,
  windows: number[][],
  engines: Engines,
  rounds: number,
  torchFiles: readonly string[],
): Promise<CpuRow> {
  const load = [loadavg()[0]!];
  const cores = availableParallelism();
  const cpu = await contender(opened, engines.cpu, cores);
  const wasm = await contender(opened, engines.wasm, 1);
  const wasmThreads = engines.wasmThreads && (await contender(opened, engines.wasmThreads, cores));
  const all = [cpu, wasm, ...(wasmThreads ? [wasmThreads] : [])];
  // One more round than is counted: the first one compiles and reads.
  for (let round = 0; round <= rounds; round++)
    for (const one of all) await one.score(windows, round > 0);
  for (const one of all) await one.close();
  const overWasm = ratioOf(cpu.row, wasm.row);
  const overWasmThreads = wasmThreads ? ratioOf(cpu.row, wasmThreads.row) : null;
  const maxNllDifference = Math.max(
    ...all.map(({ row }) => largestDifference(row.nll, cpu.row.nll)),
  );
  const torch = torchRows(torchFiles, model, windows, cpu.row);
  const checks = [
    ...(model === 'sample'
      ? [atLeast('sample: cpu over wasm on one thread', overWasm.ratio, LEAST_RATIO)]
      : []),
    atMost(`${model}: NLL of cpu and wasm apart`, maxNllDifference, MOST_DIFFERENCE),
    ...torch.map(({ maxNllDifference: apart, file }) =>
      atMost(`${model}: NLL of cpu and PyTorch apart (${file})`, apart, MOST_DIFFERENCE),
    ),
  ];
  load.push(loadavg()[0]!);
  const ratios = [
    `over wasm ${overWasm.ratio.toPrecision(3)}`,
    ...(overWasmThreads ? [`over wasm threads ${overWasmThreads.ratio.toPrecision(3)}`] : []),
    ...torch.map(
      ({ threads, ratio }) => `over PyTorch (${threads} threads) ${ratio.toPrecision(3)}`,
    ),
  ];
  console.error(`${model}: cpu ${fastest(cpu.row).toFixed(2)} s; ${ratios.join(', ')}`);
  return {
    model,
    windows: windows.length,
    length: LENGTH,
    numBlocks: opened.summary.numBlocks,
    devices: { cpu: cpu.row, wasm: wasm.row, wasmThreads: wasmThreads?.row ?? null },
    overWasm,
    overWasmThreads,
    maxNllDifference,
    torch,
    load,
    checks,
    ok: checks.every(({ ok }) => ok),
  };
}

async function contender(opened: OpenedModel, engine: Engine, threads: number) {
  const session = ScoreSession.open(opened, engine);
  const row: DeviceRow = {
    name: engine.name,
    runtime: runtimeOf(engine),
    threads,
    rounds: [],
    nll: [],
  };
  return {
    row,
    async score(windows: number[][], counts: boolean): Promise<void> {
      const clocks = startClocks();
      const { baseline, blocks } = await session.score(windows, undefined, () => {});
      if (counts) row.rounds.push(clocks());
      row.nll = [baseline.nll, ...blocks.map(({ nll }) => nll)];
    },
    close: () => session.dispose(),
  };
}

const fastest = ({ rounds }: DeviceRow): number => Math.min(...rounds.map(({ wall }) => wall));

function ratioOf(a: DeviceRow, b: DeviceRow): PairedRatio {
  const speeds = ({ rounds }: DeviceRow): number[] => rounds.map(({ wall }) => 1 / wall);
  return pairedRatio(speeds(a), speeds(b));
}

interface TorchResult {
  folder: string;
  threads: number;
  windows: [number, number];
  reuse: { seconds: number[]; nll: number[] };
  plain?: { seconds: number[] };
}

/** The results of PyTorch that are of this model and as many windows. */
function torchRows(
  files: readonly string[],
  model: string,
  windows: readonly number[][],
  cpu: DeviceRow,
): TorchRow[] {
  return files.flatMap((file) => {
    const result = JSON.parse(readFileSync(file, 'utf8')) as TorchResult;
    if (result.folder !== model || result.windows[0] !== windows.length) return [];
    const reuseSeconds = Math.min(...result.reuse.seconds);
    return [
      {
        file,
        threads: result.threads,
        reuseSeconds,
        plainSeconds: result.plain ? Math.min(...result.plain.seconds) : null,
        ratio: reuseSeconds / fastest(cpu),
        maxNllDifference: largestDifference(cpu.nll, result.reuse.nll),
      },
    ];
  });
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(...a.map((value, k) => Math.abs(value - (b[k] ?? Number.NaN))));
}
