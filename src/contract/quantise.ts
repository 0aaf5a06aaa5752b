// Quantising a plan: what is asked for, what is reported, what comes of it.

import type {
  MatrixForm,
  MixedChoice,
  Quantisation,
  QuantisedDtype,
  QuantisedMeasure,
  QuantiseSettings,
} from '../model/quantise/quantisation.ts';
import type { Unit } from '../units.ts';
import type { BrowserDeviceKind, UsedDevice } from './device.ts';
import type { Progress } from './progress.ts';
import type { MemoryEstimate } from './score.ts';

/** Texts: GPTQ takes its statistics from one, and what is lost is measured on both. */
export interface QuantiseData {
  calibration: { kind: 'bundled' } | { kind: 'text'; name: string; text: string };
  /** Windows that GPTQ sees, one after the other from the start, and tokens in each. */
  samples: number;
  length: number;
  /** Null = not measured on a further text. */
  heldOut: { kind: 'bundled' } | { kind: 'text'; name: string; text: string } | null;
}

export interface QuantiseRequest {
  /** The plan. */
  removed: Unit[];
  /** Id of its healing; absent: the weights of the source. */
  healing?: string | undefined;
  dtype: QuantisedDtype;
  settings: QuantiseSettings;
  /** By stored tensor: chosen by hand, before `mixed` chooses among the rest. */
  forms: Readonly<Record<string, MatrixForm>>;
  mixed: MixedChoice | null;
  data: QuantiseData;
  /**
   * Token ids that is measured on, and sensitivities with them, as those of a curve; absent: as
   * many as a curve takes by default, evenly out of the calibration text.
   */
  windows?: { name: string; windows: number[][] } | undefined;
  device: 'auto' | BrowserDeviceKind;
  budgetBytes?: number | undefined;
}

/** A matrix of the model and what becomes of it. */
export interface MatrixReport {
  /** Name of the stored tensor. */
  tensor: string;
  /** Block of the source; null outside of the blocks. */
  block: number | null;
  /** What it is: "q", "qkv", "o", "gate", "up", "down", "embedding", "head"; else its name. */
  part: string;
  inputs: number;
  outputs: number;
  /** Bytes as the source stores it, and as it will be written. */
  storedBytes: number;
  writtenBytes: number;
  form: MatrixForm;
  /** Why it stays as it is, as a sentence; null where that was chosen, or it does not. */
  obstacle: string | null;
  /**
   * Mean KL(model as it was || model with this matrix alone in few bits) in nats; null where that
   * was not measured.
   */
  sensitivity: number | null;
}

/** What a quantisation will take, before it starts; reads no weights. */
export interface QuantiseEstimate {
  memory: MemoryEstimate;
  /** Every matrix, with the form that the settings give it. */
  matrices: MatrixReport[];
  /** Graph and weights as written. */
  bytes: number;
  /** What stays as it is, what the runtime lacks, and what to do; sentences. */
  notes: string[];
}

export type QuantiseEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  /** What a matrix costs is known now: its `sensitivityKey`. */
  | { type: 'sensitivity'; key: string; sensitivity: number };

/**
 * The parts of the loss on one text, with the mean NLL of each of its windows or segments, in their
 * order. Every window counts with its predicted tokens in the mean of the text.
 */
export interface MeasuredText extends QuantisedMeasure {
  /** Null as the parts are. */
  nllPerWindow: {
    original: number[];
    pruned: number[] | null;
    healed: number[] | null;
    quantised: number[];
  };
}

export interface QuantiseResult {
  /** Its record has what was measured without the single windows. */
  quantisation: Quantisation;
  dtype: QuantisedDtype;
  matrices: MatrixReport[];
  measured: MeasuredText[];
  /** Graph and weights as written. */
  bytes: number;
  /** Null where nothing was run. */
  device: UsedDevice | null;
  /** What stays as it is, what the runtime lacks, overlap of texts; sentences. */
  warnings: string[];
  seconds: number;
}

/**
 * A quantisation of the open model with what it was measured at, without what GPTQ computed.
 */
export interface KeptQuantisation extends Omit<QuantiseResult, 'quantisation' | 'measured'> {
  /** Of the quantisation and its precision: one quantisation may be kept in two of them. */
  id: string;
  /** What was measured is in its record. */
  quantisation: Omit<Quantisation, 'computed'>;
  /** What its forms were made from. Texts are named, not kept: theirs are ''. */
  asked: Pick<QuantiseRequest, 'forms' | 'mixed' | 'data'>;
  /** Bytes that GPTQ computed; 0 where the settings alone make the quantisation. */
  keptBytes: number;
  /** ms since 1970. */
  savedAt: number;
  /** False when this browser could not store it: it goes with the page. */
  stored: boolean;
}

/** What is kept for the open model. */
export interface QuantisationShelf {
  /** Newest first. */
  quantisations: KeptQuantisation[];
  /** Bytes of all models together, and how many this page keeps at most. */
  bytes: number;
  mostBytes: number;
}

/** What a quantisation has come to, and what is kept now. */
export interface QuantiseOutcome extends Pick<QuantisationShelf, 'bytes' | 'mostBytes'> {
  quantised: KeptQuantisation;
  /** Older ones that made room for it. */
  gone: KeptQuantisation[];
}
