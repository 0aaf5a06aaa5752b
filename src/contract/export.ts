// Writing a pruned model: where to, what is recorded, and what was written.

import type { ExportFormat } from '../model/export/formats.ts';
import type { StudyRecord } from '../model/export/provenanceStudy.ts';
import type { StepChoice } from '../model/export/steps.ts';
import type { UsedGraphs } from '../model/export/usage.ts';
import type { KitWindows } from '../model/interop/kit/check.ts';
import type { Unit } from '../units.ts';
import type { PlanResult } from './plan.ts';
import type { Measure, ScoreResult } from './score.ts';
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
  /** Of a model of tensor files; by default that of the source, ONNX where a step needs it. */
  format?: ExportFormat;
  /** The kit for continued pretraining is written beside a checkpoint in safetensors. */
  kit?: { windows: KitWindows | null };
  /** What is done after the removal: nothing by default. */
  steps?: readonly StepChoice[];
  /** Further precisions that are made of the open graph: the steps of each. */
  also?: readonly (readonly StepChoice[])[];
  /** Every precision of the model that the folder has loses the units, not the open one alone. */
  allGraphs?: boolean;
}

/** Where the adapter of a healing goes, and what its script calls the original. */
export interface AdapterRequest {
  /** Id of the healing. */
  healing: string;
  /** Folder name inside the zip, or of the subfolder that is made. */
  name: string;
  target: ExportTarget;
  /** Name or path of the checkpoint, as Hugging Face Transformers takes it. */
  original: string;
}

export interface AdapterResult {
  name: string;
  files: ExportedFile[];
  bytes: number;
  /** What has to be known to use it, as sentences. */
  notes: string[];
  blob: Blob | null;
}

/** A healing of a graph of few bits on the same windows, in both forms that an export can have. */
export interface HealedForms {
  /** Changed matrices rounded to few bits again, as the graph has them. */
  again: Measure;
  /** Changed matrices kept as floats. */
  float: Measure;
  seconds: number;
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
