// The cost of an iterative search of the sample on the CPU against the sum of the ideals of its
// steps.

import { ScoreSession } from '../../src/runtime/score/session.ts';
import type { SearchOutcome } from '../../src/runtime/search/iterative.ts';
import {
  blockAndHead,
  type Clock,
  idealSeconds,
  median,
  startClocks,
  type Timed,
  type TimedPlan,
  timePlans,
} from './clocks.ts';
import { atMost, type Check, report } from './limits.ts';
import { openSample, type SampleModel } from './scored.ts';

export interface SearchRow {
  name: string;
  device: string;
  windows: number;
  length: number;
  numBlocks: number;
  removed: number[];
  /** Seconds from the end of the preparation to the last step; one of each round. */
  seconds: number[];
  /**
   * Against the sum over steps of n(n + 1)/2 blocks and n + 1 heads for the n blocks that were
   * left: median over rounds, times of the same round.
   */
  costRatio: { wall: number; processor: number };
  /** As the product itself states it: median over rounds. */
  ownCostRatio: number;
  checks: Check[];
  ok: boolean;
}

const LIMIT = 1.25;
const COUNT = 4;
const ROUNDS = 3;

interface Round {
  search: Timed;
  plans: TimedPlan[];
}

/**
 * A search in a session of its own, which finds nothing of an earlier one. Its time begins when it
 * is prepared.
 */
async function searchAnew(
  { opened, engine }: SampleModel,
  windows: number[][],
): Promise<{ time: Timed; found: SearchOutcome }> {
  const session = ScoreSession.open(opened, engine);
  let clocks = startClocks();
  const request = { windows, start: [], locked: [], count: COUNT, maxPpl: null };
  const found = await session.search(request, undefined, undefined, (event) => {
    if (event.type === 'progress' && event.progress.phase !== 'score') clocks = startClocks();
  });
  const time = clocks();
  await session.dispose();
  return { time, found };
}

export async function benchSearch(root: string): Promise<SearchRow> {
  const sample = await openSample(root);
  const { opened, engine } = sample;
  const windows = sample.windows(10, 128);
  const timing = ScoreSession.open(opened, engine);
  await timing.score(windows, undefined, () => {});
  const rounds: Round[] = [];
  const own: number[] = [];
  let removed: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = await timePlans(timing, 0);
    const { time, found } = await searchAnew(sample, windows);
    removed = found.steps.map(({ block }) => block);
    own.push(found.costRatio ?? Number.NaN);
    rounds.push({ search: time, plans: [...before, ...(await timePlans(timing, 1))] });
  }
  await timing.dispose();
  await sample.close();

  const N = timing.programs.blocks.length;
  const ratio = (clock: Clock): number =>
    median(
      rounds.map(({ search, plans }) => {
        const times = blockAndHead(plans, clock);
        return search[clock] / removed.reduce((sum, _, k) => sum + idealSeconds(N - k, times), 0);
      }),
    );
  const costRatio = { wall: ratio('wall'), processor: ratio('processor') };
  const name = `sample, ${COUNT} of ${N} blocks one by one`;
  const checks = [atMost(`${name}: search over the sum of its ideals`, costRatio.wall, LIMIT)];
  report(checks);
  return {
    name,
    device: `${engine.kind} (${engine.name})`,
    windows: windows.length,
    length: windows[0]!.length,
    numBlocks: N,
    removed,
    seconds: rounds.map(({ search }) => search.wall),
    costRatio,
    ownCostRatio: median(own),
    checks,
    ok: checks.every(({ ok }) => ok),
  };
}
