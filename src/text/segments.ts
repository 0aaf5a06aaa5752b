// Cuts the token ids of a text into the segments on which perplexity is measured.

import { EspalierError } from '../errors.ts';

export interface SegmentRequest {
  /** What messages call the text. */
  name?: string;
  /** Token ids of the whole text, without special tokens. */
  ids: readonly number[];
  /** Tokens per segment, BOS included. */
  segment: number;
  /**
   * Tokens from one segment to the next. Each segment but the first then predicts only its last
   * `stride` tokens. null = no overlap.
   */
  stride: number | null;
  /** The token put before every segment, or null for none. */
  bos: number | null;
  /** Most segments, from the start of the text; null = all. */
  maxSegments: number | null;
}

export interface Segments {
  /** Segments of `segment` token ids each. */
  segments: number[][];
  /** Number of tokens, counted from the end, that each segment predicts. */
  predicts: number[];
  /** Number of segments in the entire text; an incomplete one at the end is dropped. */
  total: number;
  /** The stride; null without overlap, also when a stride of one segment was requested. */
  stride: number | null;
}

/**
 * Cuts a text into segments. With a BOS token, a segment is BOS + (segment - 1) tokens of the text,
 * all of which are predicted; without one, the first token of a segment is not predicted.
 * @throws EspalierError `bad-input` for invalid sizes, or a text too short for one segment.
 * @source docs/numerics.md, evaluation; strides as in Hugging Face, "Perplexity of fixed-length
 *   models"
 */
export function cutSegments({
  name = 'The text',
  ids,
  segment,
  stride,
  bos,
  maxSegments,
}: SegmentRequest): Segments {
  requireInteger(segment, 'The segment length', 2);
  if (stride !== null) requireInteger(stride, 'The stride', 1);
  if (maxSegments !== null) requireInteger(maxSegments, 'The number of segments', 1);
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
      `${name} is too short: it has ${ids.length} tokens, one segment needs ${content}.`,
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

function requireInteger(value: number, name: string, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new EspalierError(
      'bad-input',
      `${name} must be a whole number of at least ${least}, not ${value}.`,
      'Change the settings.',
    );
}
