// One block of a model alone on one engine: what is timed to choose a device. Reads the weights of
// this block, and holds nothing afterwards.

import { EspalierError } from '../../errors.ts';
import { defaultBudget } from '../../memoryBudget.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Folder } from '../../onnx/source.ts';
import type { DeviceTensor, Engine } from '../device/engine.ts';
import { Chain } from '../pass/chain.ts';
import { commonest, withBlock } from '../pass/oneBlock.ts';
import { planMemory } from '../weights/memory.ts';
import { sidePrograms } from '../weights/stages.ts';
import type { Chunk } from '../weights/windows.ts';

/** Windows that run together, and tokens of each. */
export interface RunSize {
  windows: number;
  tokens: number;
}

/** A block that is ready to run. */
export interface BlockRuns {
  /** Seconds of one run. The first one of a size also compiles shaders. */
  run(size: RunSize): Promise<number>;
  /** Windows that a job of so many would run together. */
  most(size: RunSize): number;
  close(): Promise<void>;
}

/**
 * The first block of the class that most blocks share.
 * @throws EspalierError from the engine and the files; `cancelled`
 */
export async function openBlockRuns(
  all: ScorePrograms,
  folder: Folder,
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<BlockRuns> {
  const programs = withBlock(all, commonest(all));
  const [block] = programs.blocks;
  if (!block) throw new EspalierError('bug', 'There is no block to time.');
  const chain = new Chain(programs, folder, engine);
  const states = new Map<string, { state: DeviceTensor; free(): void }>();
  const stateOf = ({ windows, tokens }: RunSize): DeviceTensor => {
    const key = `${windows}x${tokens}`;
    const known = states.get(key) ?? chain.zeroState(tokens, windows);
    states.set(key, known);
    return known.state;
  };
  const runs: BlockRuns = {
    async run(size) {
      const state = stateOf(size);
      const started = performance.now();
      (await chain.block(0, state, chunkOf(size))).free();
      await engine.settled();
      return (performance.now() - started) / 1000;
    },
    most({ windows, tokens }) {
      const budget = defaultBudget(engine.kind, engine.maxBufferBytes);
      const shape = { windows, length: tokens };
      return Math.min(windows, planMemory(programs, shape, engine, budget).rows.block);
    },
    async close() {
      for (const { free } of states.values()) free();
      await chain.dispose();
    },
  };
  try {
    await chain.compile({ signal, blocksOnly: true });
    await chain.weights.load(sidePrograms(programs), { signal, cpu: true });
    await chain.weights.load([block], { signal });
    return runs;
  } catch (error) {
    await runs.close();
    throw error;
  }
}

function chunkOf({ windows, tokens }: RunSize): Chunk {
  return {
    windows: Array.from({ length: windows }, (_, row) => row),
    rows: windows,
    length: tokens,
    ids: new Array<number>(windows * tokens).fill(0),
  };
}
