// Writing a pruned model: where to, what is recorded, and what was written.

import type { StudyRecord } from '../model/export/provenanceStudy.ts';
import type { StepChoice } from '../model/export/steps.ts';
import type { UsedGraphs } from '../model/export/usage.ts';
import type { Unit } from '../units.ts';
import type { PlanResult } from './plan.ts';
import type { ScoreResult } from './score.ts';
import type { Verification } from './verify.ts';

export type ExportTarget =
  | { kind: 'folder'; handle: FileSystemDirectoryHandle }
  /** A file to stream a zip into. */
  | { kind: 'zip-file'; handle: FileSystemFileHandle }
  /** No file picker here: the zip comes back as a Blob. */
  | { kind: 'zip-blob' };

export interface ExportRequest {
  removed: Unit[];
  /** Folder name inside the zip, or of the subfolder that is made. */
  name: string;
  target: ExportTarget;
  /** The curve of the model, recorded in espalier.json. */
  score: ScoreResult | null;
  plan: PlanResult | null;
  /** Further results, recorded in espalier.json. */
  study?: StudyRecord;
  /** What is done after the removal: nothing by default. */
  steps?: readonly StepChoice[];
  /** Every precision of the model that the folder has loses the units, not the open one alone. */
  allGraphs?: boolean;
}

interface ExportedFile {
  path: string;
  bytes: number;
}

export interface ExportResult {
  name: string;
  files: ExportedFile[];
  bytes: number;
  seconds: number;
  /** The graphs that were written, and what loads them. */
  loading: UsedGraphs;
  /** Graphs and weights of the source folder that were left out. */
  leftOut: string[];
  /** What else changed, as sentences: outputs that are gone, what a config cannot say. */
  remarks: string[];
  blob: Blob | null;
  verification: Verification;
}
