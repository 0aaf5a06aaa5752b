// Token windows divided into chunks that one run can take.

import { EspalierError } from '../../errors.ts';

/** Rows of equal length that go through a program together. */
export interface Chunk {
  /** Indices of the windows. */
  readonly windows: readonly number[];
  /** Number of rows B. */
  readonly rows: number;
  /** Tokens per row S. */
  readonly length: number;
  /** (B, S) row by row. */
  readonly ids: readonly number[];
}

/**
 * Chunks of at most `rows` windows, as even as possible; windows of different lengths never share
 * one.
 * @throws EspalierError `bad-input` for no windows, a window under two tokens, or an id outside the
 *   vocabulary.
 */
export function chunkWindows(
  windows: readonly (readonly number[])[],
  rows: number,
  vocabSize: number,
): Chunk[] {
  if (windows.length === 0)
    throw new EspalierError(
      'bad-input',
      'There are no windows to score.',
      'Give a text of at least one window, or token ids.',
    );
  const byLength = new Map<number, number[]>();
  windows.forEach((window, index) => {
    if (window.length < 2)
      throw new EspalierError(
        'bad-input',
        `Window ${index} has ${window.length} tokens; at least 2 are needed to predict one.`,
        'Use longer windows.',
      );
    const wrong = window.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (wrong !== undefined)
      throw new EspalierError(
        'bad-input',
        `Window ${index} holds the token id ${wrong}, but the vocabulary ends at ${vocabSize - 1}.`,
        'Check that the ids were made with the tokenizer of this model.',
      );
    const known = byLength.get(window.length);
    if (known) known.push(index);
    else byLength.set(window.length, [index]);
  });
  const chunks: Chunk[] = [];
  for (const [length, indices] of byLength) {
    const parts = Math.ceil(indices.length / Math.max(1, rows));
    const size = Math.ceil(indices.length / parts);
    for (let at = 0; at < indices.length; at += size) {
      const part = indices.slice(at, at + size);
      chunks.push({
        windows: part,
        rows: part.length,
        length,
        ids: part.flatMap((index) => windows[index] ?? []),
      });
    }
  }
  return chunks;
}

/** Rows [from, from + rows) of a chunk. */
export function sliceChunk(chunk: Chunk, from: number, rows: number): Chunk {
  return {
    windows: chunk.windows.slice(from, from + rows),
    rows,
    length: chunk.length,
    ids: chunk.ids.slice(from * chunk.length, (from + rows) * chunk.length),
  };
}
