// What the page knows of the export: the one that runs, and what verification said of the last.

import type { ExportResult } from '../../contract/export.ts';
import type { Progress } from '../../contract/progress.ts';
import type { ExportDtype } from '../../model/export/steps.ts';
import type { WrittenSizes } from '../../model/open/size.ts';
import type { Unit } from '../../units.ts';
import type { Slice } from '../slice.ts';

export interface ExportSlice {
  running: boolean;
  progress: Progress | null;
  removed: readonly Unit[];
  result: ExportResult | null;
  /** What the last export took, of any model: it tells how long the next one takes. */
  measured: { bytes: number; seconds: number } | null;
  target: 'folder' | 'zip';
  /** The precision to write in; null for the source's. */
  dtype: ExportDtype | null;
  /** Whether other precisions of the folder lose the same units. */
  allGraphs: boolean;
  /** What exports in a precision write, as far as it was asked. */
  sizes: { dtype: ExportDtype; written: WrittenSizes } | null;
}

const first: ExportSlice = {
  running: false,
  progress: null,
  removed: [],
  result: null,
  measured: null,
  target: 'folder',
  dtype: null,
  allGraphs: false,
  sizes: null,
};

export const EXPORT: Slice<ExportSlice> = {
  first,
  keep: ({ measured, dtype, allGraphs, sizes }, opened) =>
    opened === 'same-model'
      ? { ...first, measured, dtype, allGraphs, sizes }
      : { ...first, measured },
};
