// Times one block and the head on a window, to say how long a job will take before it starts. Reads
// the weights of these programs alone, and holds nothing afterwards.

import type { RunTime, RunTimes, WindowSize } from '../../contract/runTimes.ts';
import { EspalierError, throwIfCancelled } from '../../errors.ts';
import { defaultBudget } from '../../memoryBudget.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Folder } from '../../onnx/source.ts';
import { formatBytes } from '../../quantities.ts';
import type { Engine } from '../device/engine.ts';
import { planMemory } from '../weights/memory.ts';
import { weightBytes } from '../weights/stages.ts';
import type { Chunk } from '../weights/windows.ts';
import { Chain } from './chain.ts';
import { commonest, MOST_TIMED_BYTES, withBlock } from './oneBlock.ts';
import { chooseBlockRows, chooseHeadRows } from './warmup.ts';

export interface TimedRuns {
  programs: ScorePrograms;
  folder: Folder;
  engine: Engine;
  /** Parameters of each block: the times of the block that is run are scaled by them. */
  params: readonly number[];
  sizes: readonly WindowSize[];
  /** Bytes that the job may take; by default as for scoring. */
  budget: number | undefined;
  signal: AbortSignal;
}

/**
 * @throws EspalierError `cancelled` between two runs, `too-large` for a block past 512 MiB and
 *   where scoring has no room; from the engine and the files.
 */
export async function timeRuns(request: TimedRuns): Promise<Omit<RunTimes, 'device'>> {
  const { folder, engine, params, sizes, signal } = request;
  const budget = request.budget ?? defaultBudget(engine.kind, engine.maxBufferBytes);
  const at = commonest(request.programs);
  const programs = withBlock(request.programs, at);
  const [block] = programs.blocks;
  if (!block) throw new EspalierError('bug', 'There is no block to time.');
  const blockBytes = weightBytes([block], engine.kind);
  if (blockBytes > MOST_TIMED_BYTES)
    throw new EspalierError(
      'too-large',
      `One block has ${formatBytes(blockBytes)} of weights: that is too much to be read for a ` +
        'first estimate.',
      'Score the blocks: the time left is shown meanwhile.',
    );
  const mean = params.reduce((sum, one) => sum + one, 0) / Math.max(1, params.length);
  const scale = params[at] ? mean / params[at] : 1;
  const hasHead = weightBytes([block, programs.head], engine.kind) <= MOST_TIMED_BYTES;
  const chain = new Chain(programs, folder, engine);
  try {
    let compiled = 0;
    const onProgram = (done: number): void => {
      compiled = done;
    };
    const started = performance.now();
    await chain.compile({ signal, onProgram });
    const compileSeconds = secondsSince(started) / Math.max(1, compiled);
    const reading = performance.now();
    let bytesRead = 0;
    const onBytes = (bytes: number): void => {
      bytesRead += bytes;
    };
    if (programs.side) await chain.weights.load([programs.side], { signal, onBytes, cpu: true });
    await chain.weights.load(hasHead ? [block, programs.head] : [block], { signal, onBytes });
    const readSeconds = secondsSince(reading);
    // Twice over: the first round finds the engine's own code still slow.
    const runs = new Map<WindowSize, RunTime>();
    for (const size of [...sizes, ...sizes]) {
      const { obstacle, rows } = planMemory(programs, size, engine, budget);
      if (obstacle) throw obstacle;
      chain.headTokens = rows.headTokens;
      const blockRows = await chooseBlockRows(chain, size.length, rows.block, signal);
      const headRows = hasHead ? await chooseHeadRows(chain, size.length, rows.head, signal) : 1;
      chain.headRows = headRows;
      const found = await timeSize(chain, size, blockRows, hasHead, scale, signal);
      runs.set(size, faster({ ...size, ...found }, runs.get(size)));
      await chain.freeSides();
    }
    return { runs: [...runs.values()], compileSeconds, bytesRead, readSeconds };
  } finally {
    await chain.dispose();
  }
}

function faster(one: RunTime, other: RunTime = one): RunTime {
  const heads = [one.headSeconds, other.headSeconds].filter((seconds) => seconds !== null);
  return {
    ...one,
    blockSeconds: Math.min(one.blockSeconds, other.blockSeconds),
    headSeconds: heads.length > 0 ? Math.min(...heads) : null,
  };
}

async function timeSize(
  chain: Chain,
  { windows, length }: WindowSize,
  blockRows: number,
  hasHead: boolean,
  scale: number,
  signal: AbortSignal,
): Promise<Pick<RunTime, 'blockSeconds' | 'headSeconds'>> {
  // As even as the chunks of a job.
  const rows = Math.ceil(windows / Math.ceil(windows / blockRows));
  const chunk: Chunk = {
    windows: Array.from({ length: rows }, (_, row) => row),
    rows,
    length,
    ids: new Array<number>(rows * length).fill(0),
  };
  const { state, free } = chain.zeroState(length, rows);
  const secondsOf = (run: () => Promise<void>) => steadySeconds(chain.engine, signal, run);
  try {
    const ofBlock = await secondsOf(async () => (await chain.block(0, state, chunk)).free());
    const ofHead = hasHead
      ? await secondsOf(async () => void (await chain.nllPerToken(state, chunk)))
      : null;
    return {
      blockSeconds: (scale * ofBlock) / rows,
      headSeconds: ofHead === null ? null : ofHead / rows,
    };
  } finally {
    free();
  }
}

/**
 * Short runs are repeated: on the CPU the engine's own code becomes faster after some of them, and
 * other work of the machine slows some.
 */
const REPEATS = 24;
const REPEAT_SECONDS = 0.4;

/** Seconds of the fastest run, but for the first one, which compiles shaders. */
async function steadySeconds(
  engine: Engine,
  signal: AbortSignal,
  run: () => Promise<void>,
): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let k = 0; k < 2 || (k <= REPEATS && sum < REPEAT_SECONDS); k++) {
    throwIfCancelled(signal);
    const start = performance.now();
    await run();
    await engine.settled();
    const took = secondsSince(start);
    if (k === 0) continue;
    fastest = Math.min(fastest, took);
    sum += took;
  }
  return fastest;
}

const secondsSince = (start: number): number => (performance.now() - start) / 1000;
