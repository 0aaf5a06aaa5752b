// What the page knows of results kept in this browser: of which models, and whether those of the
// open one are safe.

import type { KeptAbout, KeptOrigin } from '../../files/keptStudies.ts';
import type { LineageSlice } from '../lineage/state.ts';
import type { ScoreSlice } from '../score/state.ts';
import type { Slice } from '../slice.ts';
import type { SpeedSlice } from '../speed/state.ts';

/** What is kept of another folder of the lineage: see `lineageOf`. */
export interface Relative
  extends Pick<KeptAbout, 'key' | 'name' | 'savedAt' | 'origin' | 'numBlocks' | 'fileBytes'> {
  curve: ScoreSlice['curve'];
  /** Perplexities of it as it is, on windows that others were scored on. */
  measured: LineageSlice['measured'];
  speeds: SpeedSlice['known'];
}

export interface KeptSlice {
  /** Counts up with every model that is opened; the same one read again goes on with its own. */
  study: number;
  /** `unknown` before anything was asked; `full` and `none`: what is measured is not kept. */
  storage: 'unknown' | 'works' | 'full' | 'none';
  /** Results may be kept of the open model, and are being looked for. */
  looking: boolean;
  /** When the results were stored that are back; null when there were none. */
  restoredFrom: number | null;
  /** Models of which results are kept, newest use first; null until they are asked for. */
  models: readonly KeptAbout[] | null;
  /** What the open model was made from; null for one that is no export of ours. */
  origin: KeptOrigin | null;
  /** Of the models that something is kept of. */
  lineage: readonly Relative[];
}

const first: KeptSlice = {
  study: 0,
  storage: 'unknown',
  looking: false,
  restoredFrom: null,
  models: null,
  origin: null,
  lineage: [],
};

export const KEPT: Slice<KeptSlice> = {
  first,
  keep: (slice, opened) =>
    opened === 'same-model'
      ? slice
      : { ...first, study: slice.study + 1, storage: slice.storage, models: slice.models },
};
