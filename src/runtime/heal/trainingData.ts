// Sequences of a step or a measurement as chunks of equal length, with what each prediction counts.

import { EspalierError } from '../../errors.ts';
import { padSequence, type Sequence } from '../../text/training/sequences.ts';
import type { Chunk } from '../weights/windows.ts';

/** Sequences that one run takes. */
export interface WeightedChunk extends Chunk {
  /** (B, S - 1): what each prediction counts, as the sequences have it. */
  readonly weights: Float32Array;
}

export interface ChunkOptions {
  /** Sequences in a run. */
  rows: number;
  /** Tokens of the longest sequence that there is. */
  longest: number;
  /** False where rows of a run are not independent: each runs at its own length. */
  pads: boolean;
}

/** So many lengths are run at most, whatever the sequences. */
const LENGTHS = 4;

/**
 * The sequences at these places, in order, as chunks of at most `rows`; padded on the right to one
 * length, of which there are few, so that few shapes are compiled.
 */
export function weightedChunks(
  sequences: readonly Sequence[],
  places: readonly number[],
  { rows, longest, pads }: ChunkOptions,
): WeightedChunk[] {
  const chunks: WeightedChunk[] = [];
  const own = places.map((place) => sequenceAt(sequences, place));
  const length = paddedLength(Math.max(...own.map(({ ids }) => ids.length)), longest);
  const size = pads ? rows : 1;
  for (let from = 0; from < places.length; from += size) {
    const part = own.slice(from, from + size);
    const padded = pads ? part.map((sequence) => padSequence(sequence, length)) : part;
    chunks.push({
      windows: places.slice(from, from + size),
      rows: padded.length,
      length: padded[0]?.ids.length ?? 0,
      ids: padded.flatMap(({ ids }) => ids),
      weights: joined(padded.map(({ weights }) => weights)),
    });
  }
  return chunks;
}

/** The smallest of a few lengths, even fractions of the longest one, that holds so many tokens. */
function paddedLength(length: number, longest: number): number {
  const step = Math.max(1, Math.ceil(longest / LENGTHS));
  return Math.min(longest, Math.max(2, Math.ceil(length / step) * step));
}

/** What all predictions count together, in float64. */
export function weightSum(weights: Iterable<Float32Array>): number {
  let sum = 0;
  for (const values of weights) for (const value of values) sum += value;
  return sum;
}

/**
 * Sequences as training takes them: those without a prediction that counts are left out.
 * @throws EspalierError `bad-input` for ids outside of the vocabulary, weights that are no
 *   numbers of at least 0, sequences under two tokens
 */
export function usable(sequences: readonly Sequence[], vocabSize: number): Sequence[] {
  const wrong = (at: number, what: string): EspalierError =>
    new EspalierError(
      'bad-input',
      `Sequence ${at} ${what}.`,
      'Check that the text was tokenised with the tokenizer of this model.',
    );
  return sequences.filter(({ ids, weights }, at) => {
    if (ids.length < 2) throw wrong(at, `has ${ids.length} tokens; it needs at least 2`);
    if (weights.length !== ids.length - 1)
      throw wrong(at, `has ${weights.length} weights for ${ids.length - 1} predictions`);
    const id = ids.find((one) => !Number.isInteger(one) || one < 0 || one >= vocabSize);
    if (id !== undefined)
      throw wrong(at, `holds the token id ${id}, but the vocabulary ends at ${vocabSize - 1}`);
    const weight = weights.find((one) => !Number.isFinite(one) || one < 0);
    if (weight !== undefined) throw wrong(at, `counts a prediction by ${weight}`);
    return weights.some((one) => one > 0);
  });
}

function sequenceAt(sequences: readonly Sequence[], place: number): Sequence {
  const sequence = sequences[place];
  if (!sequence) throw new EspalierError('bug', `There is no sequence ${place}.`);
  return sequence;
}

function joined(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
