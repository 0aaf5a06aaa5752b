// Which of two devices runs a block of this model faster, with as few runs as decide it. The CPU is
// timed on one thread of the build that is loaded already; the build with several threads is loaded
// only where those could turn the answer.

import type { BlockTime } from '../../contract/device.ts';
import { type ErrorReport, isCancelled, throwIfCancelled, toReport } from '../../errors.ts';
import { macrotask } from '../device/yielder.ts';
import type { BlockRuns, RunSize } from './blockRuns.ts';

/** What is compared. A side is opened when it is its turn, and closed before the next one is. */
export interface Contenders {
  webgpu(): Promise<BlockRuns>;
  /** The CPU on one thread, in the build of ONNX Runtime that WebGPU needs anyway. */
  oneThread(): Promise<BlockRuns>;
  /** The CPU as jobs run on it: another build, and as many threads as it gets. */
  cpu(): Promise<BlockRuns & { threads: number }>;
  /** Most threads that `cpu` may get. */
  threads: number;
  /** Multiply-adds of one token in the block. */
  products: number;
}

export interface CompareOptions {
  signal?: AbortSignal | undefined;
  /** Before each side and at the end. */
  onStep?: ((done: number, total: number) => void) | undefined;
}

/** A side that was not timed has no time; one that failed has its error. */
export interface Comparison {
  kind: 'webgpu' | 'wasm';
  webgpu: BlockTime | null;
  wasm: BlockTime | null;
  failed: { webgpu?: ErrorReport; wasm?: ErrorReport };
  /** Most threads that a job on the CPU may have. */
  threads: number;
}

/** The usual job: scoring runs as many of its windows at once as a device has room and time for. */
const JOB: RunSize = { windows: 10, tokens: 128 };
/** Products of one run on the CPU: about half a second on one thread. */
const MOST_PRODUCTS = 8e9;
const FEWEST_TOKENS = 8;
/** A block with more products per window is tried on the GPU with few tokens first. */
const LARGE_PRODUCTS = 2e9;
/** This many times slower is clearly slower: nothing more is timed. */
const CLEARLY = 3;
/** Times that differ by less are measured exactly before threads are said to decide. */
const SURELY = 1.5;
/** As in scoring: a run does not occupy a device for longer, in seconds. */
const RUN_SECONDS = 0.25;
/** Of one size, in seconds and runs. */
const REPEAT_SECONDS = 0.3;
const REPEATS = 20;

/** @throws EspalierError `cancelled` between two runs; a side that fails is reported instead */
export async function compareDevices(
  { webgpu, oneThread, cpu, threads, products }: Contenders,
  { signal, onStep }: CompareOptions = {},
): Promise<Comparison> {
  const tokens = tokensFor(products);
  const failed: Comparison['failed'] = {};
  const sides = threads > 1 ? 3 : 2;
  onStep?.(0, sides);

  const onCpu = (open: () => Promise<BlockRuns & { threads?: number }>) =>
    attempt(open, async (runs) => {
      const seconds = await steady(runs, { windows: 1, tokens }, signal);
      return { seconds, tokens, threads: runs.threads ?? 1 };
    });
  const first = await onCpu(oneThread);
  onStep?.(1, sides);
  const one = 'error' in first ? null : first.found;

  const gpu = await attempt(webgpu, (runs) =>
    timeGpu(runs, tokens, products, one, threads, signal),
  );
  onStep?.(2, sides);
  if ('error' in gpu) {
    failed.webgpu = gpu.error;
    return { kind: 'wasm', webgpu: null, wasm: one, failed, threads };
  }
  const { found } = gpu;
  const known = (wasm: BlockTime, kind: Comparison['kind'], most = threads): Comparison => {
    onStep?.(sides, sides);
    return { kind, webgpu: found, wasm, failed, threads: most };
  };
  if (one) {
    // Fewer tokens on the GPU already took longer than all of them on the CPU.
    if (found.tokens < one.tokens) return known(one, 'wasm');
    const faster = found.seconds <= one.seconds ? 'webgpu' : 'wasm';
    if (threads === 1) return known(one, faster);
    // No number of threads is faster than so many times one of them.
    if (found.seconds * SURELY <= one.seconds / threads) return known(one, 'webgpu');
    if (found.seconds >= one.seconds * SURELY) return known(one, 'wasm');
  }
  const exact = await onCpu(cpu);
  if ('error' in exact) {
    failed.wasm = exact.error;
    return { kind: 'webgpu', webgpu: found, wasm: null, failed, threads };
  }
  const faster = found.seconds <= exact.found.seconds ? 'webgpu' : 'wasm';
  return known(exact.found, faster, exact.found.threads);
}

/** Tokens of the windows that are timed: fewer where a block is huge. */
function tokensFor(products: number): number {
  let { tokens } = JOB;
  while (tokens > FEWEST_TOKENS && tokens * products > MOST_PRODUCTS) tokens /= 2;
  return tokens;
}

/** The GPU as scoring uses it, as far as the time of one thread leaves a question. */
async function timeGpu(
  runs: BlockRuns,
  tokens: number,
  products: number,
  one: BlockTime | null,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<BlockTime> {
  const slow = (one?.seconds ?? Number.POSITIVE_INFINITY) * CLEARLY;
  if (tokens > FEWEST_TOKENS && tokens * products > LARGE_PRODUCTS) {
    const few = { windows: 1, tokens: FEWEST_TOKENS };
    const seconds = await steady(runs, few, signal, slow);
    if (seconds > slow) return { seconds, tokens: FEWEST_TOKENS };
  }
  const single = await steady(runs, { windows: 1, tokens }, signal, slow);
  // One window at a time is the worst case of a GPU: where that suffices, nothing more is timed.
  const isFaster = one !== null && single * SURELY <= one.seconds / threads;
  const windows = Math.min(
    runs.most({ windows: JOB.windows, tokens }),
    Math.floor(RUN_SECONDS / Math.max(single, 1e-6)),
  );
  // Together they take at least as long as one of them.
  const isHopeless = one !== null && single / windows > one.seconds * SURELY;
  if (isFaster || windows < 2 || isHopeless) return { seconds: single, tokens };
  const together = (await steady(runs, { windows, tokens }, signal)) / windows;
  return { seconds: Math.min(single, together), tokens };
}

/**
 * Seconds of the fastest of some runs, but for the first one, which compiles shaders. A run that
 * takes longer than `slow` is the last.
 */
async function steady(
  runs: BlockRuns,
  size: RunSize,
  signal: AbortSignal | undefined,
  slow = Number.POSITIVE_INFINITY,
): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let k = 0; k < 2 || (k <= REPEATS && sum < REPEAT_SECONDS && fastest <= slow); k++) {
    await macrotask();
    throwIfCancelled(signal);
    const took = await runs.run(size);
    if (k === 0) continue;
    fastest = Math.min(fastest, took);
    sum += took;
  }
  return fastest;
}

type Attempt<T> = { found: T } | { error: ErrorReport };

/** @throws EspalierError `cancelled`; any other error is the answer */
async function attempt<R extends BlockRuns, T>(
  open: () => Promise<R>,
  work: (runs: R) => Promise<T>,
): Promise<Attempt<T>> {
  let runs: R | null = null;
  try {
    runs = await open();
    return { found: await work(runs) };
  } catch (error) {
    if (isCancelled(error)) throw error;
    return { error: toReport(error) };
  } finally {
    // A device that was lost cannot free anything either.
    await runs?.close().catch(() => {});
  }
}
