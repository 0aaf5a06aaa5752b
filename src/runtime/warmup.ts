// First runs: shaders compile, one block and the head are timed, and the number of rows per run follows; must not keep any state.

import { throwIfCancelled } from '../errors.ts';
import type { Chain } from './chain.ts';
import { type Chunk, sliceChunk } from './windows.ts';

/** A run should not hold the device longer than this, in seconds, so that cancel and other tabs get their turn. */
const RUN_SECONDS = 0.25;
/** Hidden states, attention scores and feed-forward activations of one run stay under this. */
const RUN_BYTES = 256 * 2 ** 20;
/** Logits of one head run (with two temporaries of the same size) stay under this. */
const HEAD_BYTES = 384 * 2 ** 20;

export interface Rows {
  /** Windows in one block run. */
  block: number;
  /** Windows in one head run. */
  head: number;
}

/** What memory allows, before any time is known. `length` = tokens per window. */
export function rowsByMemory(windows: number, length: number, hiddenSize: number, vocabSize: number, maxBufferBytes: number): Rows {
  const perRow = length * hiddenSize * 4 * 12;
  const perHeadRow = (length - 1) * vocabSize * 4;
  const cap = (bytes: number, limit: number): number => Math.max(1, Math.min(windows, Math.floor(limit / bytes)));
  return {
    block: Math.min(cap(perRow, RUN_BYTES), cap(length * hiddenSize * 4, maxBufferBytes)),
    head: Math.min(cap(perHeadRow * 3, HEAD_BYTES), cap(perHeadRow, maxBufferBytes)),
  };
}

/**
 * Times one row through block 0 and the head, twice each (the first compiles shaders), and scales the rows to `RUN_SECONDS`.
 * Block 0, embedding and head must be loaded.
 */
export async function chooseRows(chain: Chain, probe: Chunk, limits: Rows, signal: AbortSignal | undefined): Promise<Rows> {
  chain.headRows = 1;
  // One quantisation scale over the whole batch: windows that share a run would change each other's numbers.
  if (chain.programs.rowsInteract) return { block: 1, head: 1 };
  const one = sliceChunk(probe, 0, 1);
  const state = await chain.embed(one);
  try {
    const block = await timed(chain, signal, async () => (await chain.block(0, state, one)).free());
    const head = await timed(chain, signal, async () => void (await chain.nllPerToken(state, one)));
    const rowsIn = (seconds: number, limit: number): number =>
      Math.max(1, Math.min(limit, Math.floor(RUN_SECONDS / Math.max(seconds, 1e-6))));
    return { block: rowsIn(block, limits.block), head: rowsIn(head, limits.head) };
  } finally {
    state.free();
  }
}

async function timed(chain: Chain, signal: AbortSignal | undefined, run: () => Promise<void>): Promise<number> {
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

/** One run of every distinct program at every chunk shape, so that shader compilation is over before anything is timed. */
export async function warmShapes(chain: Chain, chunks: readonly Chunk[], signal: AbortSignal | undefined): Promise<void> {
  const { blocks } = chain.programs;
  const firstOfClass = blocks.flatMap((bound, index) =>
    blocks.findIndex((other) => other.program.id === bound.program.id) === index ? [index] : [],
  );
  const shapes = new Map(chunks.map((chunk) => [`${chunk.rows}x${chunk.length}`, chunk]));
  for (const chunk of shapes.values()) {
    const state = await chain.embed(chunk);
    try {
      for (const index of firstOfClass) {
        throwIfCancelled(signal);
        (await chain.block(index, state, chunk)).free();
      }
      throwIfCancelled(signal);
      await chain.nllPerToken(state, chunk);
    } finally {
      state.free();
    }
  }
  await chain.engine.settled();
}
