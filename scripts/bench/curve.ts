// The cost of the importance curve of the sample on the CPU, resident and streamed, against the
// ideal of a breadth-first pass with times of the same run.

import { ScoreSession } from '../../src/runtime/score/session.ts';
import { allPrograms, weightBytes } from '../../src/runtime/weights/stages.ts';
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

/** By one clock. */
interface CurveCost {
  /**
   * Seconds of the pass over all variants, programs and weights in place (streamed: being read);
   * one of each round.
   */
  passes: number[];
  /**
   * Seconds of one block and of the head over all windows with weights on the device: a line fitted
   * to plans of different length in the same process; medians over rounds.
   */
  blockSeconds: number;
  headSeconds: number;
  /**
   * Pass against N(N + 1)/2 blocks and N + 1 heads: median over rounds, times of the same round.
   */
  costRatio: number;
  /** The curve in forward passes, and what the ideal would be. */
  forwards: number;
  idealForwards: number;
}

export interface CurveRow {
  name: string;
  device: string;
  windows: number;
  length: number;
  numBlocks: number;
  weightBytes: number;
  /** Bytes that may be held; null = the default, which holds everything. */
  budgetBytes: number | null;
  /** How often a pass read the weights from the files. */
  weightPasses: number;
  wall: CurveCost;
  processor: CurveCost;
  /** The cost ratio with the times that each pass itself took note of: median over rounds. */
  ownCostRatio: number;
  /** Points of the curve per second, and block evaluations (all windows) per second. */
  blocksPerSecond: number;
  blockRunsPerSecond: number;
  /** From a folder to the baseline, to the first point and to the end of the first curve. */
  secondsToBaseline: number;
  secondsToFirstPoint: number;
  secondsToCurve: number;
  checks: Check[];
  ok: boolean;
}

const LIMIT = 1.25;
const STREAMED_LIMIT = 1.5;
/** Of the weights, for the streamed curve. */
const BUDGET_SHARE = 0.25;
const ROUNDS = 3;

interface Case {
  name: string;
  windows: number[][];
  budgetBytes: number | null;
}

/**
 * Scores the sample's ten windows with weights on the device, and shorter ones within a quarter of
 * the weights.
 */
export async function benchCurve(root: string): Promise<CurveRow[]> {
  const sample = await openSample(root);
  const bytes = weightBytes(
    allPrograms(ScoreSession.open(sample.opened, sample.engine).programs),
    'wasm',
  );
  const rows = [
    await measure(sample, bytes, {
      name: 'sample',
      windows: sample.windows(10, 128),
      budgetBytes: null,
    }),
    await measure(sample, bytes, {
      name: 'sample, streamed',
      windows: sample.windows(10, 64),
      budgetBytes: Math.floor(BUDGET_SHARE * bytes),
    }),
  ];
  await sample.close();
  report(rows.flatMap(({ checks }) => checks));
  return rows;
}

interface Round {
  pass: Timed;
  plans: TimedPlan[];
}

async function measure(
  sample: SampleModel,
  bytes: number,
  { name, windows, budgetBytes }: Case,
): Promise<CurveRow> {
  const { opened, engine, folder } = sample;
  const session = ScoreSession.open(opened, engine, budgetBytes === null ? {} : { budgetBytes });
  const since = startClocks();
  const at = { baseline: 0, first: 0, curve: 0 };
  await session.score(windows, undefined, (event) => {
    if (event.type === 'baseline') at.baseline = since().wall;
    if (event.type === 'block' && at.first === 0) at.first = since().wall;
  });
  at.curve = since().wall;

  // Streamed plans wait for the disk: the times of runs are those of weights on the device.
  const resident = budgetBytes === null ? session : ScoreSession.open(opened, engine);
  if (resident !== session) await resident.score(windows, undefined, () => {});
  const rounds: Round[] = [];
  const own: number[] = [];
  const read: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = await timePlans(resident, 0);
    const bytesBefore = folder.bytesRead();
    const clocks = startClocks();
    const { costRatio } = await session.score(windows, undefined, () => {});
    const pass = clocks();
    read.push(folder.bytesRead() - bytesBefore);
    own.push(costRatio ?? Number.NaN);
    rounds.push({ pass, plans: [...before, ...(await timePlans(resident, 1))] });
  }
  await session.dispose();
  if (resident !== session) await resident.dispose();

  const N = session.programs.blocks.length;
  const wall = costOf(rounds, N, 'wall');
  const processor = costOf(rounds, N, 'processor');
  const ownCostRatio = median(own);
  const seconds = median(wall.passes);
  // Streamed, as many windows run together as the budget holds: the ideal is that of these runs,
  // and what they cost beyond resident ones is told beside it.
  const checks =
    budgetBytes === null
      ? [atMost(`${name}: curve over its ideal`, wall.costRatio, LIMIT)]
      : [atMost(`${name}: curve over the ideal of its own runs`, ownCostRatio, STREAMED_LIMIT)];
  return {
    name,
    device: `${engine.kind} (${engine.name})`,
    windows: windows.length,
    length: windows[0]!.length,
    numBlocks: N,
    weightBytes: bytes,
    budgetBytes,
    weightPasses: median(read) / bytes,
    wall,
    processor,
    ownCostRatio,
    blocksPerSecond: N / seconds,
    blockRunsPerSecond: (N * (N + 1)) / 2 / seconds,
    secondsToBaseline: at.baseline,
    secondsToFirstPoint: at.first,
    secondsToCurve: at.curve,
    checks,
    ok: checks.every(({ ok }) => ok),
  };
}

function costOf(rounds: readonly Round[], N: number, clock: Clock): CurveCost {
  const times = rounds.map(({ plans }) => blockAndHead(plans, clock));
  const ideals = times.map((time) => idealSeconds(N, time));
  const forwards = times.map(({ block, head }) => N * block + head);
  const passes = rounds.map(({ pass }) => pass[clock]);
  return {
    passes,
    blockSeconds: median(times.map((t) => t.block)),
    headSeconds: median(times.map((t) => t.head)),
    costRatio: median(passes.map((pass, k) => pass / ideals[k]!)),
    forwards: median(passes.map((pass, k) => pass / forwards[k]!)),
    idealForwards: median(ideals.map((ideal, k) => ideal / forwards[k]!)),
  };
}
