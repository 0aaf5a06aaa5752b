// How many threads the CPU (wasm) gets: measured with a decoder block, since it depends on the
// machine and cannot be changed once ONNX Runtime has started.

import type { ThreadMeasurement } from '../../contract/device.ts';
import { isJsonObject } from '../../json.ts';
import type { OrtLoader } from './ort.ts';
import { blockProbe } from './probes.ts';
import { openWasm } from './wasmEngine.ts';

/** More threads must be faster by this factor: less is noise, and threads cost memory. */
const WORTH_IT = 1.1;
/** Timed runs of the block: at least three, more until so many seconds have passed. */
const RUNS = { least: 3, most: 8, seconds: 0.15 };

/** 1, 2, 4, ... and the number of cores. */
function threadCounts(cores: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < cores; count *= 2) counts.push(count);
  return [...counts, Math.max(1, cores)];
}

/**
 * Tries more and more threads for as long as that pays, up to the number of cores.
 * @param timeOf seconds of a block in a fresh ONNX Runtime of so many threads; null where that
 * does not start
 * @returns null when not even one thread could be timed
 */
export async function measureThreads(
  cores: number,
  timeOf: (threads: number) => Promise<number | null>,
): Promise<ThreadMeasurement | null> {
  const runs: ThreadMeasurement['runs'] = [];
  let best: ThreadMeasurement['runs'][number] | null = null;
  for (const threads of threadCounts(cores)) {
    const seconds = await timeOf(threads);
    if (seconds === null) break;
    runs.push({ threads, seconds });
    if (best && seconds * WORTH_IT > best.seconds) break;
    best = { threads, seconds };
  }
  return best && { threads: best.threads, runs };
}

/** A measurement of unknown origin, if it has the form of one. */
export function asThreadMeasurement(value: unknown): ThreadMeasurement | null {
  if (!isJsonObject(value) || !Array.isArray(value.runs)) return null;
  const runs: unknown[] = value.runs;
  const isRun = (run: unknown) =>
    isJsonObject(run) && Number(run.threads) >= 1 && Number(run.seconds) > 0;
  const isOfRun = (run: unknown) => isJsonObject(run) && run.threads === value.threads;
  return runs.every(isRun) && runs.some(isOfRun) ? (value as unknown as ThreadMeasurement) : null;
}

/**
 * Seconds of one decoder block, the fastest of several runs: other work of the machine only slows.
 * @throws EspalierError when ONNX Runtime does not start
 */
export async function timeBlock(loader: OrtLoader): Promise<number> {
  const engine = await openWasm(loader);
  const { program, feeds } = blockProbe();
  const compiled = await engine.compile(program);
  await engine.run(compiled, feeds, new Map());
  let fastest = Number.POSITIVE_INFINITY;
  let all = 0;
  for (let run = 0; run < RUNS.most && (run < RUNS.least || all < RUNS.seconds); run++) {
    const started = performance.now();
    await engine.run(compiled, feeds, new Map());
    const seconds = (performance.now() - started) / 1000;
    fastest = Math.min(fastest, seconds);
    all += seconds;
  }
  await engine.dispose();
  return fastest;
}
