// A text's token ids as the segments that perplexity is measured on (method: non-overlapping, or
// with a stride); must not tokenise.

import { EspalierError } from '../errors.ts';

export interface SegmentRequest {
  /** Token ids of the whole text, without special tokens. */
  ids: readonly number[];
  /** Tokens per segment, BOS included. */
  segment: number;
  /**
   * Tokens from one segment to the next; a segment then predicts its last `stride` tokens only, the
   * first all. null = no overlap.
   */
  stride: number | null;
  /** The token that opens every segment, or null for none. */
  bos: number | null;
  /** At most this many segments, from the start; null = all. */
  maxSegments: number | null;
}

export interface Segments {
  /** Segments of `segment` ids. */
  segments: number[][];
  /** How many of its last tokens each segment predicts. */
  predicts: number[];
  /** Segments that the whole text gives; what is left over at its end is dropped. */
  total: number;
  /** null also where the stride is a whole segment. */
  stride: number | null;
}

/**
 * Cuts a text into segments. With a BOS, a segment is BOS + segment - 1 tokens of the text, and all
 * of these are predicted; without, the first token of a segment is not predicted.
 * @throws EspalierError `bad-input` for sizes that make no sense, or a text too short for one
 *   segment
 * @source method.md 6; strided windows as Hugging Face's "Perplexity of fixed-length models" counts
 *   them
 */
export function cutSegments({ ids, segment, stride, bos, maxSegments }: SegmentRequest): Segments {
  whole(segment, 'The segment length', 2);
  if (stride !== null) whole(stride, 'The stride', 1);
  if (maxSegments !== null) whole(maxSegments, 'The number of segments', 1);
  if (stride !== null && stride > segment)
    throw new EspalierError(
      'bad-input',
      `The stride of ${stride} tokens is longer than a segment of ${segment}, so tokens ` +
        'would be left out.',
      `Choose a stride of at most ${segment}.`,
    );
  const content = bos === null ? segment : segment - 1;
  if (ids.length < content)
    throw new EspalierError(
      'bad-input',
      `The text is too short: it has ${ids.length} tokens, one segment needs ${content}.`,
      'Use a longer text or shorter segments.',
    );
  const overlap = stride === null || stride === segment ? null : stride;
  const step = overlap ?? content;
  const total = Math.floor((ids.length - content) / step) + 1;
  const count = Math.min(total, maxSegments ?? total);
  const segments = Array.from({ length: count }, (_, k) => {
    const own = ids.slice(k * step, k * step + content);
    return bos === null ? own : [bos, ...own];
  });
  const predicts = segments.map((_, k) => (overlap === null || k === 0 ? segment - 1 : overlap));
  return { segments, predicts, total, stride: overlap };
}

function whole(value: number, name: string, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new EspalierError(
      'bad-input',
      `${name} must be a whole number of at least ${least}, not ${value}.`,
      'Change the settings.',
    );
}
