// The declared contract between the page and the studio worker. Types only; both sides import from here.

import type { ErrorReport } from '../errors.ts';
import type { Identity } from '../model/identity.ts';
import type { SettingsRecord } from '../model/provenance.ts';
import type { GraphChoice, ModelSummary } from '../model/summary.ts';
import type { Unit } from '../units.ts';
import type { VariantInfo } from './benchApi.ts';

export type DeviceKind = 'webgpu' | 'wasm';

/** One progress shape everywhere. */
export interface Progress {
  job: string;
  phase: 'read' | 'compile' | 'warmup' | 'score' | 'decode' | 'write' | 'verify';
  done: number;
  total: number;
  unit: 'bytes' | 'blocks' | 'programs' | 'runs' | 'steps' | 'files';
  /** Estimated seconds to the end of the job, or null while unknown. */
  secondsLeft: number | null;
}

/** Where a model's files are. Files travel by reference; hosted files are read by range. */
export type FolderSource =
  | { kind: 'files'; name: string; files: { path: string; file: File }[] }
  | { kind: 'hosted'; name: string; baseUrl: string; files: { path: string; size: number }[] };

export interface OpenRequest {
  source: FolderSource;
  /** Path of the graph to open when the folder has several. */
  graph?: string;
}

export type OpenResult =
  | { kind: 'choose'; name: string; graphs: GraphChoice[] }
  | {
      kind: 'opened';
      model: ModelSummary;
      /** Text of an espalier.json found in the folder: the folder is an export of ours. */
      provenance: string | null;
      /** False when there is no tokenizer; scoring then needs token ids. */
      hasTokenizer: boolean;
      /** Of its chat template; a tokenizer that turns out broken is found when a prompt is encoded. */
      chat: VariantInfo['chat'];
    };

/** Result of one check of the device self-test. */
export interface SelfTestCheck {
  name: string;
  ok: boolean;
  /** Largest absolute difference to the wasm device, or null when the check did not run. */
  maxError: number | null;
  note: string;
}

export interface DeviceReport {
  /** What `auto` resolves to on this machine. */
  preferred: DeviceKind;
  webgpu: boolean;
  /** Adapter vendor, architecture and description; '' without an adapter. */
  adapter: string;
  /** Why WebGPU is not used, in words; '' when it is. */
  reason: string;
  features: string[];
  /** Largest buffer in bytes; 0 without an adapter. */
  maxBufferBytes: number;
  selfTest: SelfTest | null;
}

export interface SelfTest {
  passed: boolean;
  checks: SelfTestCheck[];
  /** Which routes follow: e.g. "device without subgroups", "soft-capped graphs on wasm". */
  routes: string[];
  seconds: number;
}

export type TextSource =
  | { kind: 'bundled' }
  | { kind: 'text'; name: string; text: string }
  | { kind: 'ids'; name: string; windows: number[][] };

export interface ScoreSettings {
  text: TextSource;
  /** Number of windows S. */
  samples: number;
  /** Tokens per window L, BOS included. */
  length: number;
  sampler: 'even' | 'random';
  seed: number;
  /** null = what the tokenizer does by itself. */
  bos: 'none' | 'every' | null;
  device: 'auto' | DeviceKind;
  /** Bytes that scoring may take; absent = 70 % of what the device is believed to have. */
  budgetBytes?: number | undefined;
}

/** What is recorded of a run's settings, with the choices resolved. */
export type RecordedSettings = SettingsRecord;

/** Mean negative log-likelihood in nats per predicted token; `ppl` = exp(nll), null when it overflows float64. */
export interface Measure {
  nll: number;
  ppl: number | null;
  /** Mean NLL of each window. */
  nllPerWindow: number[];
}

export interface BlockScore extends Measure {
  index: number;
  /** 95 % paired bootstrap interval of NLL(without block) - NLL(intact), in nats. */
  ci95: [number, number];
  /** Set instead of numbers that mean anything when the block cannot be left out. */
  refused?: string;
}

export interface ScoreResult {
  baseline: Measure;
  blocks: BlockScore[];
  /** Block indices, least important first. */
  order: number[];
  windows: number[][];
  settings: RecordedSettings;
  device: { kind: DeviceKind; name: string };
  selfTest: SelfTest | null;
  /** Rewrites applied so that the graph runs on the device, in words. */
  rewrites: string[];
  /** What makes the numbers doubtful, in sentences (float16 that overflows); absent when nothing was found. */
  warnings?: string[];
  seconds: number;
  /** Curve cost against the ideal [N(N+1)/2 t_block + (N+1) t_head] (design of the breadth-first pass), measured in the run. */
  costRatio: number | null;
}

export type ScoreEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'started'; device: { kind: DeviceKind; name: string }; windows: number }
  | { type: 'baseline'; baseline: Measure }
  | { type: 'block'; block: BlockScore };

/** Peak bytes that scoring will need, by part, before it starts. */
export interface MemoryEstimate {
  weights: number;
  hiddenStates: number;
  scratch: number;
  logits: number;
  total: number;
  /** Largest single buffer, against the device's limit. */
  largestBuffer: number;
  /** Bytes that may be taken in all. */
  budget?: number;
  /** Weights are read from the files while scoring goes on, instead of staying on the device. */
  streaming?: boolean;
  /** Bytes of weights that scoring reads from the files. */
  bytesRead?: number;
  /** Why nothing fits, with numbers and what to do; absent when it does. */
  obstacle?: string;
}

export interface PlanResult extends Measure {
  removed: Unit[];
  seconds: number;
}

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
  /** The curve in force, recorded in espalier.json. */
  score: ScoreResult | null;
  plan: PlanResult | null;
}

export interface ExportedFile {
  path: string;
  bytes: number;
}

export interface ExportResult {
  name: string;
  files: ExportedFile[];
  bytes: number;
  seconds: number;
  /** Graphs of other dtypes in the source folder that were left out. */
  leftOut: string[];
  blob: Blob | null;
  verification: Verification;
}

export interface VerifyCheck {
  name: string;
  ok: boolean;
  /** What was compared, with the numbers. */
  detail: string;
}

/** "verified" only when every check ran and passed; "unverified" when those that ran passed but no device here can run the graph. */
export interface Verification {
  status: 'verified' | 'unverified' | 'failed';
  checks: VerifyCheck[];
  device: string;
  seconds: number;
}

export interface StudioApi {
  /** Reads structure only. Replaces the model that was open, unless it fails: then the old one stays. */
  open(request: OpenRequest, onEvent: (progress: Progress) => void): Promise<OpenResult>;
  /** Looks for a GPU and runs the self-test once per adapter; later calls answer at once. */
  device(): Promise<DeviceReport>;
  memory(settings: ScoreSettings): Promise<MemoryEstimate>;
  /** Leave-one-out curve. @throws EspalierError `cancelled` after cancel(). */
  score(settings: ScoreSettings, onEvent: (event: ScoreEvent) => void): Promise<ScoreResult>;
  /**
   * Windows of a restored curve: makes `plan` possible without scoring again.
   * Weights and the intact pass are loaded when the first plan is measured.
   */
  useWindows(windows: number[][], device: 'auto' | DeviceKind): Promise<void>;
  /** What makes the open model recognisable: hashes of its graph and of samples of its weights (reads at most 4 MiB of them). */
  identity(): Promise<Identity>;
  /** PPL with the given blocks removed, on the windows of the last score or useWindows call. A newer call cancels an older one. */
  plan(removed: Unit[], onEvent: (progress: Progress) => void): Promise<PlanResult>;
  /** Writes the pruned folder, then re-opens what was written in a fresh worker and compares. */
  export(request: ExportRequest, onEvent: (progress: Progress) => void): Promise<ExportResult>;
  /** Gives weights and hidden states back to the device; what needs them next loads them again. */
  release(): Promise<void>;
  /** Stops the running job within 2 s. */
  cancel(): Promise<void>;
}

/** Errors cross the thread in this wrapper so that codes and hints survive. */
export interface WireError {
  espalier: ErrorReport;
}
