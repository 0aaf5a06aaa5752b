// First runs: shaders compile, a block and the head are timed, and the number of rows per run
// follows.

import { throwIfCancelled } from '../../errors.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import type { DeviceTensor } from '../device/engine.ts';
import type { Chunk } from '../weights/windows.ts';
import type { Chain } from './chain.ts';

/**
 * A run should not occupy the device longer than this, in seconds, so that cancel and other tabs
 * get their turn.
 */
const RUN_SECONDS = 0.25;

/**
 * Windows of one block run: one row is timed on block 0 (which must be loaded) and scaled to
 * `RUN_SECONDS`.
 * @param programs the loaded ones: the chain's, or the same with other weights
 */
export function chooseBlockRows(
  chain: Chain,
  length: number,
  limit: number,
  signal: AbortSignal | undefined,
  programs: ScorePrograms = chain.programs,
): Promise<number> {
  // One quantisation scale over the whole batch: windows that share a run would change each other's
  // numbers.
  if (chain.programs.rowsInteract) return Promise.resolve(1);
  return chooseRows(chain, length, limit, signal, async (state, one) =>
    (await chain.block(0, state, one, programs)).free(),
  );
}

/** Windows of one head run; the head must be loaded. @param programs as `chooseBlockRows` */
export function chooseHeadRows(
  chain: Chain,
  length: number,
  limit: number,
  signal: AbortSignal | undefined,
  programs: ScorePrograms = chain.programs,
): Promise<number> {
  chain.headRows = 1;
  if (chain.programs.rowsInteract) return Promise.resolve(1);
  return chooseRows(
    chain,
    length,
    limit,
    signal,
    async (state, one) => void (await chain.nllPerToken(state, one, programs)),
  );
}

async function chooseRows(
  chain: Chain,
  length: number,
  limit: number,
  signal: AbortSignal | undefined,
  run: (state: DeviceTensor, one: Chunk) => Promise<void>,
): Promise<number> {
  const one: Chunk = { windows: [0], rows: 1, length, ids: new Array<number>(length).fill(0) };
  const { state, free } = chain.zeroState(length);
  try {
    const seconds = await timed(chain, signal, () => run(state, one));
    return Math.max(1, Math.min(limit, Math.floor(RUN_SECONDS / Math.max(seconds, 1e-6))));
  } finally {
    free();
  }
}

/** Runs twice, because the first run compiles shaders. */
async function timed(
  chain: Chain,
  signal: AbortSignal | undefined,
  run: () => Promise<void>,
): Promise<number> {
  let seconds = 0;
  for (let k = 0; k < 2; k++) {
    throwIfCancelled(signal);
    const start = performance.now();
    await run();
    await chain.engine.settled();
    seconds = (performance.now() - start) / 1000;
  }
  return seconds;
}

/**
 * One run of each of `units` (absent: of every distinct block) at every chunk shape, so that
 * shader compilation is over before anything is timed.
 */
export async function warmShapes(
  chain: Chain,
  chunks: readonly Chunk[],
  signal: AbortSignal | undefined,
  units: readonly Unit[] = firstOfClass(chain),
): Promise<void> {
  const shapes = new Map(chunks.map((chunk) => [`${chunk.rows}x${chunk.length}`, chunk]));
  for (const chunk of shapes.values()) {
    const state = await chain.embed(chunk);
    try {
      for (const unit of units) {
        throwIfCancelled(signal);
        (await chain.block(unit, state, chunk)).free();
      }
      throwIfCancelled(signal);
      await chain.nllPerToken(state, chunk);
    } finally {
      state.free();
    }
  }
  await chain.engine.settled();
}

/** The first block of each structural class. */
function firstOfClass({ programs: { blocks } }: Chain): number[] {
  return [...blocks.keys()].filter(
    (index) =>
      blocks.findIndex((other) => other.program.id === blocks[index]?.program.id) === index,
  );
}
