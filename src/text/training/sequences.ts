// Training sequences: token ids with a weight for each predicted position, cut out of plain text.

import { EspalierError } from '../../errors.ts';

/** What a model is trained on: token ids, and how much each prediction of one counts. */
export interface Sequence {
  /** Token ids, at least 2. */
  ids: number[];
  /**
   * Per predicted position, ids.length - 1 in all: weights[t] is that of predicting ids[t + 1]. 0
   * for what is not learned, such as the prompt of an instruction.
   */
  weights: Float32Array;
}

export interface TextSequences {
  /** Token ids of a text, without special tokens. */
  ids: readonly number[];
  /** Tokens per sequence, BOS included. */
  length: number;
  /** The token put before every sequence, or null for none. */
  bos: number | null;
}

/**
 * Consecutive sequences of a text, which share no token; every prediction counts 1. What is left at
 * the end is dropped.
 * @throws EspalierError `bad-input` for a text too short for one sequence
 */
export function textSequences({ ids, length, bos }: TextSequences): Sequence[] {
  const content = contentLength(length, bos);
  const count = Math.floor(ids.length / content);
  if (count === 0)
    throw new EspalierError(
      'bad-input',
      `The text is too short: it has ${ids.length} tokens, one sequence needs ${content}.`,
      'Use a longer text or shorter sequences.',
    );
  return Array.from({ length: count }, (_, k) => {
    const own = ids.slice(k * content, (k + 1) * content);
    return wholeSequence(bos === null ? own : [bos, ...own]);
  });
}

/** Tokens of the text in a sequence. @throws EspalierError `bad-input` for lengths below 2 */
export function contentLength(length: number, bos: number | null): number {
  if (!Number.isSafeInteger(length) || length < 2)
    throw new EspalierError(
      'bad-input',
      `The length of a sequence must be a whole number of at least 2, not ${length}.`,
      'Change the settings.',
    );
  return bos === null ? length : length - 1;
}

/** A sequence whose every prediction counts 1. */
export function wholeSequence(ids: number[]): Sequence {
  return { ids, weights: new Float32Array(ids.length - 1).fill(1) };
}

/**
 * A sequence made `length` long on its right, with predictions that do not count: a causal model
 * does not see at a position what follows it.
 */
export function padSequence({ ids, weights }: Sequence, length: number): Sequence {
  if (ids.length >= length) return { ids, weights };
  const padded = new Float32Array(length - 1);
  padded.set(weights);
  const last = ids[ids.length - 1] ?? 0;
  return { ids: [...ids, ...Array<number>(length - ids.length).fill(last)], weights: padded };
}

/** Predictions that count, each by its weight. */
export function countedPredictions(sequences: readonly Sequence[]): number {
  return sequences.reduce(
    (sum, { weights }) => weights.reduce((part, weight) => part + weight, sum),
    0,
  );
}
