// What a job of weight scores writes down: the scores so far and the gradient that the next block
// needs. What is read back is checked, since other versions may have written it.

import { isJsonObject } from '../../json.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Chunk } from '../weights/windows.ts';
import type { BackwardState, WeightScores } from './differentiate.ts';

export interface ScoresBody {
  /** By block: the scores of its taps. */
  scores: ReadonlyMap<number, readonly WeightScores[]>;
  state: BackwardState;
}

/** Its field names are a file format: they do not follow renames. */
interface StoredScores {
  /** Windows of each chunk, joined. */
  chunks: string;
  loss: number;
  block: number;
  gradient: Float32Array[];
  /** A number is a list of one, as earlier versions wrote it. */
  scores: [number, (number | number[])[]][];
}

const named = (chunks: readonly Chunk[]): string =>
  chunks.map(({ windows, length }) => `${windows.join()}x${length}`).join(';');

export function storedScores(
  { scores, state: { loss, block, gradient } }: ScoresBody,
  chunks: readonly Chunk[],
): StoredScores {
  return {
    chunks: named(chunks),
    loss,
    block,
    gradient: gradient.map((values) => values.slice()),
    scores: [...scores].map(([at, taps]) => [at, taps.map((values) => [...values])]),
  };
}

/** The stored body if it belongs to these chunks of this model, else null. */
export function readScoresBody(
  body: unknown,
  chunks: readonly Chunk[],
  { blocks, stateSize }: Pick<ScorePrograms, 'blocks' | 'stateSize'>,
): ScoresBody | null {
  if (!isJsonObject(body) || body.chunks !== named(chunks)) return null;
  const { loss, block, gradient, scores } = body;
  if (typeof loss !== 'number' || !isBlock(block, blocks.length)) return null;
  if (!Array.isArray(gradient) || !Array.isArray(scores) || gradient.length !== chunks.length)
    return null;
  const fits = chunks.every(({ rows, length }, at) => {
    const values: unknown = gradient[at];
    return values instanceof Float32Array && values.length === rows * length * stateSize;
  });
  const known = new Map<number, WeightScores[]>();
  for (const entry of scores as unknown[]) {
    if (!Array.isArray(entry) || !isBlock(entry[0], blocks.length)) return null;
    const values: unknown = entry[1];
    if (!Array.isArray(values)) return null;
    const taps = values.map((value: unknown) => (typeof value === 'number' ? [value] : value));
    if (!taps.every(isNumbers)) return null;
    known.set(entry[0], taps);
  }
  const complete = Array.from({ length: blocks.length - block }, (_, k) => block + k).every((at) =>
    known.has(at),
  );
  return fits && complete ? { scores: known, state: { loss, block, gradient } } : null;
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'number');
}

function isBlock(value: unknown, numBlocks: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < numBlocks;
}
