// Wall and processor time, and the times of a block and of the head from a line fitted to plans of
// different length.

import type { ScoreSession } from '../../src/runtime/score/session.ts';

/**
 * Seconds by the wall clock, and of this process's processor time, which does not see what else the
 * machine does.
 */
export interface Timed {
  wall: number;
  processor: number;
}

export type Clock = keyof Timed;

/** Starts both clocks; the returned function reads them. */
export function startClocks(): () => Timed {
  const started = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { wall: (performance.now() - started) / 1000, processor: (user + system) / 1e6 };
  };
}

export async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const read = startClocks();
  await work();
  return read();
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** A plan's time, and the number of blocks that it ran. */
export interface TimedPlan {
  blocks: number;
  time: Timed;
}

/**
 * Plans without block i and the last, for every other i: blocks i + 1 .. N - 2 and the head run,
 * the rest is reused.
 * @param session has a curve with its weights and states on the device
 * @param first the first i: 0 or 1, so that two calls in a row time different plans
 */
export async function timePlans(session: ScoreSession, first: 0 | 1): Promise<TimedPlan[]> {
  const N = session.programs.blocks.length;
  const plans: TimedPlan[] = [];
  for (let i = first; i < N - 2; i += 2)
    plans.push({ blocks: N - 2 - i, time: await timed(() => session.plan([i, N - 1])) });
  return plans;
}

/** Seconds over all windows. */
export interface RunTimes {
  block: number;
  head: number;
}

/**
 * Least squares of seconds over the number of blocks that were run: the slope is a block, the rest
 * is the head.
 */
export function blockAndHead(plans: readonly TimedPlan[], clock: Clock): RunTimes {
  const n = plans.length;
  const mx = plans.reduce((s, p) => s + p.blocks, 0) / n;
  const my = plans.reduce((s, p) => s + p.time[clock], 0) / n;
  const covariance = plans.reduce((s, p) => s + (p.blocks - mx) * (p.time[clock] - my), 0);
  const block = covariance / plans.reduce((s, p) => s + (p.blocks - mx) ** 2, 0);
  return { block, head: my - block * mx };
}

/**
 * Seconds of leave-one-out over n blocks: N(N + 1)/2 blocks and N + 1 heads. @source design of the
 * breadth-first pass
 */
export function idealSeconds(n: number, { block, head }: RunTimes): number {
  return ((n * (n + 1)) / 2) * block + (n + 1) * head;
}
