// What the page knows of the export: the one that runs, and what verification said of the last.

import type { ExportResult } from '../../contract/export.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Unit } from '../../units.ts';
import { reset } from '../slice.ts';

export interface ExportSlice {
  running: boolean;
  progress: Progress | null;
  removed: readonly Unit[];
  result: ExportResult | null;
  target: 'folder' | 'zip';
}

export const EXPORT = reset<ExportSlice>({
  running: false,
  progress: null,
  removed: [],
  result: null,
  target: 'folder',
});
