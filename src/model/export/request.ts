// What an export is made from, how it is asked for, and what it comes to.

import type { Folder } from '../../onnx/source.ts';
import type { ModelGraphs } from '../graphs/decoders.ts';
import type { TensorSource } from '../make/weights.ts';
import type { ModelRoot } from '../open/root.ts';
import type { ModelConfig } from '../structure/config.ts';
import type { ExportFormat } from './formats.ts';
import type { ManifestFile } from './graphFiles.ts';
import type { Provenance } from './provenance.ts';
import type { StudyRecord } from './provenanceStudy.ts';
import type { StepChoice } from './steps.ts';
import type { UsedGraphs } from './usage.ts';

export interface Manifest {
  format: ExportFormat;
  files: ManifestFile[];
  /** Path of the decoder graph within the export, or of the tensor files that it is opened by. */
  graph: string;
  /** The further precisions of it, each with its steps after the removal. */
  also: { graph: string; steps: StepChoice[] }[];
  /** What a loader needs to know. */
  loading: UsedGraphs;
  /** Files of the source that the export does not have: other graphs and their weights. */
  leftOut: string[];
  /** What else changed, as sentences: outputs that are gone, what a config cannot say. */
  remarks: string[];
  provenance: Provenance;
}

/** What an export needs of an opened model. */
export interface ExportSource
  extends Pick<ModelGraphs, 'structure' | 'decoders' | 'components' | 'whole'> {
  folder: Folder;
  graphPath: string;
  root: ModelRoot;
  config: ModelConfig;
  /** The files that its graph was made for; null for a graph of the folder. */
  tensorSource: TensorSource | null;
}

export interface ExportOptions {
  /** By default that of the source, or ONNX where the steps choose a precision. */
  format?: ExportFormat;
  /** Version of this application. */
  app: string;
  /** The current curve, or null. */
  score?: Provenance['score'];
  /** The measured plan, or null. */
  plan?: Provenance['plan'];
  /** Criteria, search and evaluations, where there are any. */
  study?: StudyRecord;
  /** Names and versions of what computed the numbers, e.g. onnxruntime-web. */
  versions?: Record<string, string>;
  /** What is done after the removal; nothing by default. */
  steps?: readonly StepChoice[];
  /** Other precisions of the same model, which lose the same units. */
  others?: readonly ExportSource[];
  /**
   * Further precisions of the same graph: the steps after the removal that make each of them. What
   * `steps` make is the one that the configs and the README name first.
   */
  also?: readonly (readonly StepChoice[])[];
  /**
   * The files are run here and not kept: a graph may be of a width that its configs cannot say.
   */
  forRunning?: boolean;
  /** Most bytes of one data file; tests make it small. */
  partBytes?: number;
}
