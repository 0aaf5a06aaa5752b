// What a quantisation is given: the opened model, its session, the plan and texts that have been
// read.

import type { Progress } from '../../contract/progress.ts';
import type { QuantiseEvent } from '../../contract/quantise.ts';
import type { HealedQuantised } from '../../model/healing/healedGraph.ts';
import type { Healing } from '../../model/healing/healing.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type {
  MatrixForm,
  MixedChoice,
  QuantisedDtype,
  QuantisedMeasure,
  QuantiseSettings,
} from '../../model/quantise/quantisation.ts';
import type { Unit } from '../../units.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { Gate, TimedGate } from '../pass/gate.ts';
import type { ExportPlan } from '../score/exported.ts';
import type { ScoreSession } from '../score/session.ts';

export interface NamedText {
  name: string;
  text: string;
}

/** The texts of a request, the bundled ones read. */
export interface QuantiseSources {
  /** GPTQ and a choice by loss need it; null = nothing is measured. */
  calibration: NamedText | null;
  /** Windows that GPTQ sees, one after the other from the start, and tokens in each. */
  samples: number;
  length: number;
  /** A text that is measured on besides; null = none. */
  heldOut: NamedText | null;
  /**
   * Windows that are measured on, and sensitivities with them; absent: as many as a curve takes by
   * default, evenly out of the calibration text.
   */
  windows?: { name: string; windows: readonly (readonly number[])[] } | undefined;
}

/** A text that is measured, as token ids: segments of one length. */
export interface MeasuredSegments extends Pick<QuantisedMeasure, 'set' | 'name'> {
  segments: readonly (readonly number[])[];
}

export interface QuantiseJob {
  opened: OpenedModel;
  /** Of this model; its budget is the job's. Null where no text is given: nothing runs then. */
  session: ScoreSession | null;
  /** The plan. */
  removed: readonly Unit[];
  /** The plan's healing; null = the weights of the source. */
  healing: Healing | null;
  /** What becomes of changed matrices of integers: see the export step of healings. */
  healed?: HealedQuantised | undefined;
  dtype: QuantisedDtype;
  settings: QuantiseSettings;
  /** By stored tensor: chosen by hand, before `mixed` chooses among the rest. */
  forms: Readonly<Record<string, MatrixForm>>;
  mixed: MixedChoice | null;
  sources: QuantiseSources;
  /** Cancels: nothing comes of the quantisation. */
  signal?: AbortSignal | undefined;
  /** Holds the job between two runs. */
  gate?: Gate | undefined;
  /** Where sensitivities and quantised blocks are written down; an interrupted run goes on. */
  store?: CheckpointStore | undefined;
  onEvent(event: QuantiseEvent): void;
}

/** What is measured before anything is written. */
export interface MeasureQuantisedJob extends Pick<ExportPlan, 'removed' | 'steps'> {
  opened: OpenedModel;
  /** Of this model; its states of curves and plans are dropped. */
  session: ScoreSession;
  texts: readonly MeasuredSegments[];
  signal?: AbortSignal | undefined;
  /** Holds the job between two runs. */
  gate?: TimedGate | undefined;
  onProgress(progress: Progress): void;
}
