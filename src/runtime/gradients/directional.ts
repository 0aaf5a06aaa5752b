// A check of gradients that needs no other tool: the derivative of each block, and of the head,
// along its own gradient, against differences of the programs that scoring runs.

import { fitted } from '../../model/programs/widen.ts';
import type { Feed } from '../device/engine.ts';
import type { HostTensor } from '../device/host.ts';
import { Chain } from '../pass/chain.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import { type Chunk, chunkWindows } from '../weights/windows.ts';
import { measureTaylor, type TaylorJob } from './taylor.ts';

/**
 * Steps over the norm of the hidden state, largest first: rounding spoils small ones, curvature
 * large ones. Which is right shows where two neighbours agree.
 */
const STEPS = [3e-3, 1e-3, 3e-4, 1e-4, 3e-5] as const;

export interface DirectionalDerivative {
  /** The block; the number of blocks for the head. */
  block: number;
  /** By the gradient: its L2 norm. */
  gradient: number;
  /** By the five-point formula in float32. */
  difference: number;
  /** How far the differences of two steps lie apart, relative to `difference`: what it is worth. */
  spread: number;
}

/**
 * For the head: the derivative of the mean NLL along dL/dh. For block b: that of the product of its
 * output with dL/dh behind it, along dL/dh before it, which must be the norm of the latter.
 * @throws EspalierError as `measureTaylor`
 */
export async function directionalDerivatives(
  job: Omit<TaylorJob, 'onProgress'>,
): Promise<DirectionalDerivative[]> {
  const gradients = new Map<number, Float32Array[]>();
  await measureTaylor({
    ...job,
    onProgress: () => {},
    onGradient: (cut, chunks) => {
      gradients.set(cut, windowsOf(chunks, job));
    },
  });
  const programs = fitted(job.programs, false);
  const chain = new Chain(programs, job.folder, job.engine);
  const loader = new StageLoader(chain, { resident: true, prefetch: false });
  try {
    await chain.compile();
    await loader.loadPinned({});
    const chunks = chunkWindows(job.windows, 1, programs.vocabSize);
    const numBlocks = programs.blocks.length;
    const found: DirectionalDerivative[] = [];
    let states = await Promise.all(chunks.map(async (chunk) => take(chain, chain.embed(chunk))));
    for (let block = 0; block <= numBlocks; block++) {
      const along = gradients.get(block) ?? [];
      const behind = gradients.get(block + 1) ?? [];
      const value = (moved: readonly Float32Array[]): Promise<number> =>
        block === numBlocks
          ? meanNll(chain, chunks, moved)
          : product(chain, block, chunks, moved, behind);
      found.push({ block, ...(await differentiated(value, states, along)) });
      if (block < numBlocks)
        states = await Promise.all(
          chunks.map((chunk, at) =>
            take(chain, chain.block(block, feedOf(chain, chunk, states[at]!), chunk)),
          ),
        );
    }
    return found;
  } finally {
    await loader.dispose();
    await chain.dispose();
  }
}

/** The five-point formula along `along`, at the step where two neighbouring steps agree best. */
async function differentiated(
  value: (states: readonly Float32Array[]) => Promise<number>,
  states: readonly Float32Array[],
  along: readonly Float32Array[],
): Promise<Omit<DirectionalDerivative, 'block'>> {
  const gradient = lengthOf(along);
  if (gradient === 0) return { gradient, difference: 0, spread: 0 };
  const size = lengthOf(states);
  const differences: number[] = [];
  for (const relative of STEPS) {
    const step = relative * size;
    const at = (times: number): Promise<number> =>
      value(
        states.map((values, chunk) =>
          values.map((x, k) => x + (times * step * (along[chunk]?.[k] ?? Number.NaN)) / gradient),
        ),
      );
    const near = (await at(0.5)) - (await at(-0.5));
    const far = (await at(1)) - (await at(-1));
    differences.push((8 * near - far) / (6 * step));
  }
  const spreads = differences.slice(1).map((one, k) => Math.abs(one / differences[k]! - 1));
  const best = spreads.indexOf(Math.min(...spreads));
  return { gradient, difference: differences[best + 1] ?? Number.NaN, spread: spreads[best]! };
}

async function take(chain: Chain, running: ReturnType<Chain['embed']>): Promise<Float32Array> {
  const state = await running;
  const { data } = await chain.engine.read(state);
  state.free();
  return (data as Float32Array).slice();
}

function feedOf(chain: Chain, { rows, length }: Chunk, data: Float32Array): Feed {
  const dims = [rows, length, chain.programs.stateSize];
  const tensor: HostTensor = { type: 'float32', dims, data: data as Float32Array<ArrayBuffer> };
  return tensor;
}

async function product(
  chain: Chain,
  block: number,
  chunks: readonly Chunk[],
  states: readonly Float32Array[],
  behind: readonly Float32Array[],
): Promise<number> {
  let sum = 0;
  for (const [at, chunk] of chunks.entries()) {
    const values = await take(chain, chain.block(block, feedOf(chain, chunk, states[at]!), chunk));
    for (const [k, value] of values.entries()) sum += value * (behind[at]?.[k] ?? Number.NaN);
  }
  return sum;
}

async function meanNll(
  chain: Chain,
  chunks: readonly Chunk[],
  states: readonly Float32Array[],
): Promise<number> {
  let sum = 0;
  let count = 0;
  for (const [at, chunk] of chunks.entries()) {
    const buffer = chain.engine.allocate(states[at]!.byteLength, 'hidden', 'moved state');
    buffer.write(0, new Uint8Array(states[at]!.slice().buffer));
    const dims = [chunk.rows, chunk.length, chain.programs.stateSize];
    for (const row of await chain.nllPerToken(buffer.view('float32', dims), chunk))
      for (const value of row) {
        sum += value;
        count += 1;
      }
    buffer.free();
  }
  return sum / count;
}

/** Chunks of several windows as one for each window, in the order of the windows. */
function windowsOf(
  chunks: readonly Float32Array[],
  { windows, programs }: Pick<TaylorJob, 'windows' | 'programs'>,
): Float32Array[] {
  const all = Float32Array.from(chunks.flatMap((values) => [...values]));
  let at = 0;
  return windows.map((window) => {
    const size = window.length * programs.stateSize;
    at += size;
    return all.slice(at - size, at);
  });
}

function lengthOf(chunks: readonly Float32Array[]): number {
  let squares = 0;
  for (const values of chunks) for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}
