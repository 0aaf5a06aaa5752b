// Repeats work for a while and sums the times up.

import { median } from '../bench/clocks.ts';

export interface Repeat {
  /** Runs before the timed ones: shaders are compiled, memory is touched. */
  warmups: number;
  atLeast: number;
  atMost: number;
  /** No run begins after so many. */
  seconds: number;
}

/** Median and least of the timed runs, ms. */
export interface Times {
  median: number;
  best: number;
  runs: number;
}

/** Runs `work` as often as `repeat` says. */
export async function repeatTimed(repeat: Repeat, work: () => Promise<void>): Promise<Times> {
  for (let k = 0; k < repeat.warmups; k++) await work();
  const times: number[] = [];
  const started = performance.now();
  while (
    times.length < repeat.atLeast ||
    (times.length < repeat.atMost && performance.now() - started < repeat.seconds * 1000)
  ) {
    const before = performance.now();
    await work();
    times.push(performance.now() - before);
  }
  return { median: median(times), best: Math.min(...times), runs: times.length };
}
