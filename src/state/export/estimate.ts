// How long an export will take, before it starts: from the last one where there was one.

import { derive } from '../memo.ts';
import { modelOf } from '../open/selectors.ts';
import type { StudioState } from '../state.ts';
import { bytesAlong, writtenAlong } from './along.ts';
import { bytesAlso, exportSize } from './selectors.ts';

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
    modelOf(state),
    state.plan.present.removed,
    writtenAlong(state),
    bytesAlso(state),
  ],
  (size, measured, model, removed, along, also): ExportEstimate => {
    if (!size || !model || also === null) return { bytes: null, seconds: null };
    const bytes = size.bytes + also + bytesAlong(model.summary, removed, along);
    const range = (slow: number, fast: number): ExportEstimate => ({
      bytes,
      seconds: [BASE_SECONDS / 2 + bytes / fast, BASE_SECONDS + bytes / slow],
    });
    if (!measured) return range(...BYTES_PER_SECOND);
    const rate = measured.bytes / Math.max(0.5, measured.seconds - BASE_SECONDS / 2);
    return range(rate / 1.3, rate * 1.3);
  },
);
