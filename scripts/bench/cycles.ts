// Loads, measures and terminates ten times in one page, to see how much memory is released.

import type { MemoryPoint, Served } from './browser/contract.ts';
import type { BrowserRun } from './browserRun.ts';
import { halfOf } from './half.ts';
import { atMost, type Check, none } from './limits.ts';

export interface CycleRow {
  cycles: number;
  /** Before anything, after the cycles that bring one-time costs, and on to the last. */
  points: (MemoryPoint & { residentBytes: number | null })[];
  /** What the first cycles leave for good: code that is compiled as it is used. */
  onceBytes: number;
  /** Bytes after the last cycle over those before ten cycles. */
  growth: number;
  /** The same of the process's resident memory. */
  residentGrowth: number | null;
  /** Bytes in the variant's own books after it was closed. */
  ledgerBytes: number | null;
  checks: Check[];
}

/** Until the page's own code is compiled. */
const SETTLING = 3;
const CYCLES = 10;
const LOOK_AT: readonly number[] = [1, SETTLING, SETTLING + CYCLES / 2, SETTLING + CYCLES];
const GROWTH = 1.1;
const SETTLE_MS = 3000;
const SETTINGS = {
  mode: 'custom' as const,
  prompt: null,
  promptTokens: 12,
  tokens: 16,
  warmup: 1,
  runs: 2,
  batch: 1,
  sampling: { temperature: 0, topK: 0, topP: 1, seed: 0 },
  graphCapture: false,
};

export async function cycles(
  run: BrowserRun,
  served: Served,
  order: readonly number[],
): Promise<CycleRow> {
  const call = { served, removed: halfOf(order), settings: SETTINGS };
  const points: CycleRow['points'] = [];
  const look = async (cycle: number): Promise<void> => {
    // A worker that is just ending keeps the count waiting for a minute.
    await run.page.waitForTimeout(SETTLE_MS);
    const point = await run.page.evaluate((n) => window.espalierBench.memory(n), cycle);
    points.push({ ...point, residentBytes: await run.residentBytes() });
  };
  await look(0);
  for (let cycle = 1; cycle <= SETTLING + CYCLES; cycle++) {
    await run.page.evaluate(
      async (asked) => void (await window.espalierBench.measure(asked)),
      call,
    );
    if (LOOK_AT.includes(cycle)) await look(cycle);
  }
  const ledgerBytes = await run.page.evaluate(
    (asked) => window.espalierBench.leftAfterClose(asked),
    served,
  );
  const [before, first, last] = [
    points[0]!,
    points.find(({ cycle }) => cycle === SETTLING)!,
    points.at(-1)!,
  ];
  const growth = last.bytes / first.bytes;
  return {
    cycles: CYCLES,
    points,
    onceBytes: first.bytes - before.bytes,
    growth,
    residentGrowth:
      first.residentBytes && last.residentBytes ? last.residentBytes / first.residentBytes : null,
    ledgerBytes,
    checks: [
      atMost('memory after ten measurements over that before them', growth, GROWTH),
      none('bytes of workers after ten measurements', last.workerBytes),
      none('bytes in the books of a closed variant', ledgerBytes ?? Number.NaN),
    ],
  };
}
