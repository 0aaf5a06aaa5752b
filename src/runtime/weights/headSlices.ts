// How the head runs over a chunk: some rows at a time, or stretches of one row where even its
// logits are too large.

import { type Chunk, sliceChunk } from './windows.ts';

/** Rows from `row` on or, of a single row, the predictions from `from` on. */
export interface HeadSlice {
  row: number;
  from: number;
  /** What a program sees; of a stretch also the position after it, whose id is its last target. */
  chunk: Chunk;
}

/**
 * @param tokens predictions of one run when the logits of a row are too many to be computed at
 *   once; null = whole rows, `rows` at a time.
 */
export function headSlices(chunk: Chunk, rows: number, tokens: number | null): HeadSlice[] {
  const { length } = chunk;
  const slices: HeadSlice[] = [];
  if (tokens === null || tokens >= length - 1) {
    for (let row = 0; row < chunk.rows; row += rows) {
      const count = Math.min(rows, chunk.rows - row);
      slices.push({
        row,
        from: 0,
        chunk: count === chunk.rows ? chunk : sliceChunk(chunk, row, count),
      });
    }
    return slices;
  }
  for (let row = 0; row < chunk.rows; row++)
    for (let from = 0; from < length - 1; from += tokens) {
      const positions = Math.min(tokens, length - 1 - from) + 1;
      const start = row * length + from;
      slices.push({
        row,
        from,
        chunk: {
          windows: [0],
          rows: 1,
          length: positions,
          ids: chunk.ids.slice(start, start + positions),
        },
      });
    }
  return slices;
}
