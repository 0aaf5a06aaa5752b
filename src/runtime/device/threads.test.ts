// How the number of threads is chosen from measured times.

import { describe, expect, it } from 'vitest';
import { nodeLoader } from './ort.node.ts';
import { asThreadMeasurement, measureThreads, timeBlock } from './threads.ts';

/** A machine on which a block takes so long with that many threads. */
const machine = (seconds: Record<number, number | null>) => {
  const tried: number[] = [];
  const timeOf = async (threads: number) => {
    tried.push(threads);
    return seconds[threads] ?? null;
  };
  return { tried, timeOf };
};

describe('the number of threads', () => {
  it('is the fastest of 1, 2, 4, ... up to the cores', async () => {
    const { tried, timeOf } = machine({ 1: 8, 2: 4.1, 4: 2.2, 6: 1.7 });
    expect(await measureThreads(6, timeOf)).toEqual({
      threads: 6,
      runs: [
        { threads: 1, seconds: 8 },
        { threads: 2, seconds: 4.1 },
        { threads: 4, seconds: 2.2 },
        { threads: 6, seconds: 1.7 },
      ],
    });
    expect(tried).toEqual([1, 2, 4, 6]);
  });

  it('stays where more threads gain no more than noise, and no more are tried', async () => {
    const { tried, timeOf } = machine({ 1: 8, 2: 4, 4: 3.8, 8: 1 });
    expect((await measureThreads(8, timeOf))?.threads).toBe(2);
    expect(tried).toEqual([1, 2, 4]);
    const slower = machine({ 1: 4, 2: 5 });
    expect(await measureThreads(2, slower.timeOf)).toMatchObject({ threads: 1 });
  });

  it('stays where so many threads do not start', async () => {
    const { timeOf } = machine({ 1: 8, 2: 4, 4: null });
    expect(await measureThreads(8, timeOf)).toMatchObject({ threads: 2 });
    expect(await measureThreads(8, machine({}).timeOf)).toBeNull();
  });

  it('is read back only in its own form', () => {
    const found = { threads: 2, runs: [1, 2].map((threads) => ({ threads, seconds: 1 })) };
    expect(asThreadMeasurement(found)).toEqual(found);
    for (const wrong of [
      null,
      7,
      {},
      { threads: 2, runs: [] },
      { threads: 3, runs: found.runs },
      { threads: 2, runs: [{ threads: 2, seconds: 'fast' }] },
      { threads: 2, runs: [null] },
    ])
      expect(asThreadMeasurement(wrong)).toBeNull();
  });
});

it('a block is timed on the real ONNX Runtime', async () => {
  expect(await timeBlock(nodeLoader)).toBeGreaterThan(0);
});
