// Counts what a call does, in steps and in bytes allocated, so that a test can bound it however
// busy the machine is.

import { type HeapProfiler, type Profiler, Session } from 'node:inspector/promises';
import { resolve, sep } from 'node:path';

export interface Work {
  /** Runs of a block of the product's code: a body of a function, loop or branch. Exact. */
  steps: number;
  /**
   * Bytes allocated on the heap, those freed meanwhile included. A sample: within some per cent
   * from 5 MB on. Sees what steps do not: copies of lists, sets and texts.
   */
  bytes: number;
}

export interface WorkCounter {
  /** The work of a call and, of nested calls, theirs; what it throws goes through. */
  count(run: () => unknown): Promise<Work>;
  stop(): void;
}

const SRC = `${resolve(import.meta.dirname, '..')}${sep}`;
const SAMPLE_BYTES = 8192;

/**
 * Starts to count. Only functions that run for the first time after this count by block, so call it
 * before anything that is to be counted.
 * @throws Error in a process that has run other test files
 */
export async function startCounting(): Promise<WorkCounter> {
  if (process.env.TEST_FILES_SHARE_A_PROCESS)
    throw new Error('Name this file among ALONE in vitest.config.ts: other files ran before it.');
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const sampling = {
    samplingInterval: SAMPLE_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  return {
    async count(run) {
      await session.post('Profiler.takePreciseCoverage');
      await session.post('HeapProfiler.startSampling', sampling);
      let profile: HeapProfiler.SamplingHeapProfile | null = null;
      try {
        await run();
      } finally {
        ({ profile } = await session.post('HeapProfiler.stopSampling'));
      }
      const { result } = await session.post('Profiler.takePreciseCoverage');
      return { steps: stepsOf(result), bytes: bytesOf(profile.head) };
    },
    stop: () => session.disconnect(),
  };
}

function stepsOf(scripts: readonly Profiler.ScriptCoverage[]): number {
  let steps = 0;
  for (const { url, functions } of scripts) {
    if (!isProduct(url)) continue;
    for (const { ranges } of functions) for (const { count } of ranges) steps += count;
  }
  return steps;
}

function isProduct(url: string): boolean {
  const at = url.indexOf(SRC);
  return at >= 0 && !/[\\/]testing[\\/]|\.test\.ts/.test(url.slice(at + SRC.length - 1));
}

function bytesOf({ selfSize, children }: HeapProfiler.SamplingHeapProfileNode): number {
  return children.reduce((sum, child) => sum + bytesOf(child), selfSize);
}
