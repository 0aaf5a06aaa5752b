// How long an export will take, before it starts: from the last one where there was one.

import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import { exportSize, otherPrecisions } from './selectors.ts';

export interface ExportEstimate {
  /** Graph and weights; null while that is not known. */
  bytes: number | null;
  /** Seconds, from and to; null while the bytes are not known. */
  seconds: readonly [number, number] | null;
}

/** Starting the engine and checking anything at all. */
const BASE_SECONDS = 3;
/** Written and checked, of a slow and of a fast machine. */
const BYTES_PER_SECOND = [4e6, 16e6] as const;

export const exportEstimate = derive(
  (state: StudioState) => [
    exportSize(state),
    state.export.measured,
    otherPrecisions(state),
    modelOf(state),
  ],
  (size, measured, others, model): ExportEstimate => {
    if (!size || !model) return { bytes: null, seconds: null };
    const { bytes: original, exportBytes = original } = model.summary;
    // Other precisions shrink as the open one does.
    const along = others.reduce((sum, graph) => sum + graph.bytes, 0) * (size.bytes / exportBytes);
    const bytes = size.bytes + Math.round(along);
    const range = (slow: number, fast: number): ExportEstimate => ({
      bytes,
      seconds: [BASE_SECONDS / 2 + bytes / fast, BASE_SECONDS + bytes / slow],
    });
    if (!measured) return range(...BYTES_PER_SECOND);
    const rate = measured.bytes / Math.max(0.5, measured.seconds - BASE_SECONDS / 2);
    return range(rate / 1.3, rate * 1.3);
  },
);
