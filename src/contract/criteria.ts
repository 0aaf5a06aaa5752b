// Sources of criteria other than perplexity, as jobs measure them.

import type { MeasuredSource, SourceData } from '../analysis/criteriaTable.ts';
import type { SettingsRecord } from '../model/export/provenance.ts';

/** What the hidden states of the original give: the source of two criteria. */
export type HiddenCriteria = SourceData['hidden'];

/** A source, measured. */
export interface SourceResult<S extends MeasuredSource = MeasuredSource> {
  data: SourceData[S];
  /** What makes the numbers doubtful, in sentences; absent when nothing was found. */
  warnings?: string[];
  /** Bytes of weights read from the files, where the source reads them by itself. */
  bytesRead?: number;
  /** Of its windows, where the source was measured on any. */
  settings?: SettingsRecord;
  seconds: number;
}
