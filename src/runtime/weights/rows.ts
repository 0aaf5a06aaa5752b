// How many rows and positions of a batch one run may take, by memory.

import type { ScorePrograms } from '../../model/programs/program.ts';

/** Hidden states, attention scores and feed-forward activations of one run stay under this. */
const RUN_BYTES = 256 * 2 ** 20;
/** Logits of one head run (with two temporaries of the same size) stay under this. */
const HEAD_BYTES = 384 * 2 ** 20;
/** Of a small budget, a run takes at most one part in this many. */
const PART = 8;
/** A run over fewer positions than this wastes more time than it saves memory. */
const MIN_TOKENS = 8;
/**
 * Scratch of a block run, in float32 hidden states: queries, keys, values, scores and the widened
 * feed-forward activations.
 */
const SCRATCH_STATES = 12;
/** Logits in float32, shifted, exponentials. */
export const LOGIT_COPIES = 3;

/** Windows as far as memory is concerned. */
export interface WindowShape {
  windows: number;
  /** Tokens of the longest one. */
  length: number;
  /**
   * States of one window that are alive at a time; by default those of a curve, one for each block.
   */
  alive?: number | undefined;
}

export interface RowLimits {
  /** Windows in one block run. */
  block: number;
  /** Windows in one head run. */
  head: number;
  /**
   * Positions in one head run, when not even one window's logits are small enough; null = whole
   * windows.
   */
  headTokens: number | null;
  scratchRowBytes: number;
  /** Bytes of scratch and of logits that these runs take. */
  scratchBytes: number;
  logitsBytes: number;
}

/** @param budget bytes that everything may take; 0 = the smallest runs. */
export function rowsByMemory(
  programs: ScorePrograms,
  { windows, length }: WindowShape,
  maxBufferBytes: number,
  budget: number,
): RowLimits {
  const { hiddenSize, stateSize, vocabSize } = programs;
  const runBytes = Math.min(RUN_BYTES, budget / PART);
  const headBytes = Math.min(HEAD_BYTES, budget / PART);
  const scratchRowBytes = length * hiddenSize * 4 * SCRATCH_STATES;
  const tokenBytes = vocabSize * 4;
  const rowLogits = (length - 1) * tokenBytes;
  const cap = (bytes: number, limit: number): number =>
    Math.max(1, Math.min(windows, Math.floor(limit / bytes)));
  const block = programs.rowsInteract
    ? 1
    : Math.min(cap(scratchRowBytes, runBytes), cap(length * stateSize * 4, maxBufferBytes));
  const rowFits = rowLogits * LOGIT_COPIES <= headBytes && rowLogits <= maxBufferBytes;
  const whole = rowFits || !programs.headByPosition || programs.rowsInteract;
  const head =
    whole && !programs.rowsInteract
      ? Math.min(cap(rowLogits * LOGIT_COPIES, headBytes), cap(rowLogits, maxBufferBytes))
      : 1;
  const tokens = Math.min(
    Math.floor(headBytes / (tokenBytes * LOGIT_COPIES)),
    Math.floor(maxBufferBytes / tokenBytes),
  );
  const headTokens = whole ? null : Math.min(length - 1, Math.max(MIN_TOKENS, tokens));
  return {
    block,
    head,
    headTokens,
    scratchRowBytes,
    scratchBytes: block * scratchRowBytes,
    logitsBytes: (headTokens ?? head * (length - 1)) * tokenBytes * LOGIT_COPIES,
  };
}
