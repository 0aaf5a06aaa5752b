// How many tokens scoring sequences takes, without running them.

import { runLength, type TaskSequence } from './batch.ts';
import { SequenceQueue } from './queue.ts';

/** Positions of a batch: about what a run holds. */
const POSITIONS = 1024;

/**
 * Tokens of one variant: those that run, those that would run if no prefix were shared, and those
 * that are predicted.
 */
export function countTokens(sequences: readonly TaskSequence[]): {
  run: number;
  unshared: number;
  predicted: number;
} {
  const form = { shared: true, padded: true, whole: false };
  const queue = new SequenceQueue(sequences, [...sequences.keys()], form);
  const size = { positions: POSITIONS, tokens: 2 * POSITIONS, rows: Number.POSITIVE_INFINITY };
  let run = 0;
  for (let batch = queue.next(size); batch; batch = queue.next(size)) run += batch.positions;
  const sum = (of: (sequence: TaskSequence) => number): number =>
    sequences.reduce((total, sequence) => total + of(sequence), 0);
  return {
    run,
    unshared: sum((sequence) => runLength(sequence, form)),
    predicted: sum(({ predicts }) => predicts),
  };
}
