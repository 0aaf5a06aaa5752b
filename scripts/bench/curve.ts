// What the whole importance curve of the sample costs on wasm, against the ideal of the breadth-first pass with times of the same run.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { xoshiro128 } from '../../src/analysis/random.ts';
import { nodeFolder } from '../../src/cli/nodeFolder.ts';
import { openModel } from '../../src/model/open.ts';
import { nodeLoader } from '../../src/runtime/ort.node.ts';
import { ScoreSession } from '../../src/runtime/session.ts';
import { openWasm } from '../../src/runtime/wasmEngine.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { sampleWindows } from '../../src/text/windows.ts';

/** One clock: wall time, or processor time of this process, which does not see what else the machine does. */
export interface CurveCost {
  /** Seconds of the pass over all variants, programs and weights in place; one of each round. */
  passes: number[];
  /** Seconds of one block and of the head over all windows: a line fitted to plans of different length in the same process; medians over rounds. */
  blockSeconds: number;
  headSeconds: number;
  /** Pass against N(N + 1)/2 blocks and N + 1 heads: median over rounds, times of the same round. */
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
  wall: CurveCost;
  processor: CurveCost;
  /** The cost ratio with the times that the last pass itself took note of. */
  ownCostRatio: number | null;
  /** From a folder to the baseline, to the first point and to the end of the first curve. */
  secondsToBaseline: number;
  secondsToFirstPoint: number;
  secondsToCurve: number;
  limit: number;
  goal: number;
  /** The wall clock's ratio is within the limit. */
  ok: boolean;
}

const LIMIT = 1.25;
const GOAL = 1.15;
const ROUNDS = 3;

interface Timed {
  wall: number;
  processor: number;
}

async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const started = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - started) / 1000, processor: (user + system) / 1e6 };
}

/** Times of one round: a pass, and plans with the number of blocks that each ran. */
interface Round {
  pass: Timed;
  plans: { blocks: number; time: Timed }[];
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Least squares of seconds over the number of blocks that were run: the slope is a block, the rest is the head. */
function blockAndHead(plans: Round['plans'], clock: keyof Timed): { block: number; head: number } {
  const n = plans.length;
  const mx = plans.reduce((s, p) => s + p.blocks, 0) / n;
  const my = plans.reduce((s, p) => s + p.time[clock], 0) / n;
  const covariance = plans.reduce((s, p) => s + (p.blocks - mx) * (p.time[clock] - my), 0);
  const block = covariance / plans.reduce((s, p) => s + (p.blocks - mx) ** 2, 0);
  return { block, head: my - block * mx };
}

function cost(rounds: readonly Round[], N: number, clock: keyof Timed): CurveCost {
  const times = rounds.map(({ plans }) => blockAndHead(plans, clock));
  const ideals = times.map(({ block, head }) => ((N * (N + 1)) / 2) * block + (N + 1) * head);
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

/** Scores the sample's ten windows in rounds, with plans measured before and after each pass. */
export async function benchCurve(root: string): Promise<CurveRow> {
  const started = performance.now();
  const since = (): number => (performance.now() - started) / 1000;
  const sample = join(root, 'public/sample');
  const folder = await nodeFolder(sample);
  const opened = await openModel(folder, 'onnx/model.onnx');
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  const tokenizer = loadTokenizer(read('public/sample/tokenizer.json'), read('public/sample/tokenizer_config.json'));
  const ids = tokenizer.encode(read('public/text/calibration.txt'));
  const { windows } = sampleWindows({ ids, samples: 10, length: 128, sampler: 'even', random: xoshiro128(0), bos: null });
  const engine = await openWasm(nodeLoader);
  const session = ScoreSession.open(opened, engine);
  const at = { baseline: 0, first: 0, curve: 0 };
  await session.score(windows, undefined, (event) => {
    if (event.type === 'baseline') at.baseline = since();
    if (event.type === 'block' && at.first === 0) at.first = since();
  });
  at.curve = since();

  const N = session.programs.blocks.length;
  const rounds: Round[] = [];
  let own: number | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    const plans: Round['plans'] = [];
    // Without block i and the last: blocks i + 1 .. N - 2 and the head run, the rest is reused.
    const plansFrom = async (first: number): Promise<void> => {
      for (let i = first; i < N - 2; i += 2) plans.push({ blocks: N - 2 - i, time: await timed(() => session.plan([i, N - 1])) });
    };
    await plansFrom(0);
    const pass = await timed(async () => {
      own = (await session.score(windows, undefined, () => {})).costRatio;
    });
    await plansFrom(1);
    rounds.push({ pass, plans });
  }
  await session.dispose();
  await folder.close();

  const wall = cost(rounds, N, 'wall');
  return {
    name: 'sample',
    device: `${engine.kind} (${engine.name})`,
    windows: windows.length,
    length: windows[0]!.length,
    numBlocks: N,
    wall,
    processor: cost(rounds, N, 'processor'),
    ownCostRatio: own,
    secondsToBaseline: at.baseline,
    secondsToFirstPoint: at.first,
    secondsToCurve: at.curve,
    limit: LIMIT,
    goal: GOAL,
    ok: wall.costRatio <= LIMIT,
  };
}
