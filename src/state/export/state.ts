// What the page knows of the export: the one that runs, and what verification said of the last.

import type { AdapterResult, ExportResult, HealedForms } from '../../contract/export.ts';
import type { Progress } from '../../contract/progress.ts';
import type { ExportDtype } from '../../model/export/steps.ts';
import type { WrittenSizes } from '../../model/open/size.ts';
import type { Unit } from '../../units.ts';
import type { Slice } from '../slice.ts';

/** What makes an export take other bytes than the source's weights. */
export interface ExportForm {
  dtype: ExportDtype | null;
  /** Tensor files are written as ONNX, in the precision of the graph that was made for them. */
  converted: boolean;
  /** Id of a healing whose matrices are written as floats although the graph has few bits. */
  floats: string | null;
  /** In few bits: by what, the key of its `Written`, or of settings that are as large. */
  quantised: string | null;
}

/** Both forms of a healing of a graph of few bits, measured on demand. */
export interface FormsSlice {
  running: boolean;
  progress: Progress | null;
  /** The last ones, with what they are of: see `formsKey`. */
  known: { key: string; value: HealedForms; written: WrittenSizes } | null;
}

/** The adapter for PEFT of the healing of the plan. */
export interface AdapterSlice {
  /** Why there is none, once that is known; null where there is one. */
  obstacle: { healing: string; why: string | null } | null;
  saving: boolean;
  /** What was saved last. */
  result: (AdapterResult & { healing: string }) | null;
}

export interface ExportSlice {
  running: boolean;
  progress: Progress | null;
  removed: readonly Unit[];
  /** Id of the healing whose weights were written; absent: those of the source. */
  healing?: string | undefined;
  result: ExportResult | null;
  /** What the last export took, of any model: it tells how long the next one takes. */
  measured: { bytes: number; seconds: number } | null;
  target: 'folder' | 'zip';
  /**
   * Of a model of tensor files: in the format of the source, or as ONNX. Precisions are made in
   * ONNX, whatever this says.
   */
  format: 'source' | 'onnx';
  /** The precision to write in; null for the source's. */
  dtype: ExportDtype | null;
  /** Precisions that are written into the same folder besides; null for the source's. */
  also: readonly (ExportDtype | null)[];
  /**
   * Healed matrices of a graph of few bits: `again` rounds them as the graph has them, which loses
   * a little of the healing; `float` keeps them as they are, which makes the files larger.
   */
  quantised: 'again' | 'float';
  /** Whether a pruned checkpoint has the kit for continued pretraining beside it. */
  kit: boolean;
  /** Whether other precisions of the folder lose the same units. */
  allGraphs: boolean;
  /** What exports in such a form write, as far as it was asked; the newest last. */
  sizes: readonly (ExportForm & { written: WrittenSizes })[];
  forms: FormsSlice;
  adapter: AdapterSlice;
}

const first: ExportSlice = {
  running: false,
  progress: null,
  removed: [],
  result: null,
  measured: null,
  target: 'folder',
  format: 'source',
  dtype: null,
  also: [],
  quantised: 'again',
  kit: false,
  allGraphs: false,
  sizes: [],
  forms: { running: false, progress: null, known: null },
  adapter: { obstacle: null, saving: false, result: null },
};

export const EXPORT: Slice<ExportSlice> = {
  first,
  keep: ({ measured, format, dtype, also, quantised, kit, allGraphs, sizes }, opened) =>
    opened === 'same-model'
      ? { ...first, measured, format, dtype, also, quantised, kit, allGraphs, sizes }
      : { ...first, measured },
};
