// The declared contract between the page and the studio worker. Types only; both sides import from
// here.

import type { ErrorReport } from '../errors.ts';
import type { Identity } from '../model/identity.ts';
import type { SettingsRecord } from '../model/provenance.ts';
import type { StudyRecord } from '../model/provenanceStudy.ts';
import type { GraphChoice, ModelSummary } from '../model/summary.ts';
import type { PartUnit, Unit } from '../units.ts';
import type { VariantInfo } from './benchApi.ts';

export type DeviceKind = 'webgpu' | 'wasm';

/** One progress shape everywhere. */
export interface Progress {
  job: string;
  phase: 'read' | 'compile' | 'warmup' | 'score' | 'decode' | 'write' | 'verify';
  done: number;
  total: number;
  unit: 'bytes' | 'blocks' | 'programs' | 'runs' | 'steps' | 'files' | 'segments';
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
      /**
       * Of its chat template; a tokenizer that turns out broken is found when a prompt is encoded.
       */
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

/**
 * Mean negative log-likelihood in nats per predicted token; `ppl` = exp(nll), null when it
 * overflows float64.
 */
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

/**
 * Criteria from the hidden states of the intact pass, means over the windows accumulated in
 * float64. Block Influence: 1 - mean cos(h_in, h_out) over tokens (ShortGPT). Angular distance:
 * mean arccos(cos(h_l, h_(l+n)))/pi at the last token (Gromov et al.). Both: low = safe to remove.
 */
export interface HiddenCriteria {
  /** One per block. */
  blockInfluence: number[];
  /** `angular[n - 1][l]`: n contiguous blocks from block l on; N - n + 1 values. */
  angular: number[][];
}

export interface ScoreResult {
  /** Free with the intact pass; absent in curves of older versions. */
  hidden?: HiddenCriteria;
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
  /**
   * What makes the numbers doubtful, in sentences (float16 that overflows); absent when nothing was
   * found.
   */
  warnings?: string[];
  seconds: number;
  /**
   * Curve cost against the ideal [N(N+1)/2 t_block + (N+1) t_head] (design of the breadth-first
   * pass), measured in the run.
   */
  costRatio: number | null;
}

export type ScoreEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  /** `resumed` = block evaluations that an earlier, interrupted run had done. */
  | {
      type: 'started';
      device: { kind: DeviceKind; name: string };
      windows: number;
      resumed?: number;
    }
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

/** A part of a block (attention or feed-forward) scored when it alone is left out. */
export interface PartScore extends Measure {
  unit: PartUnit;
  /** 95 % paired bootstrap interval of NLL(without it) - NLL(intact), in nats. */
  ci95: [number, number];
}

/** Leave-one-out over the 2N parts, on the same windows as a curve. */
export interface PartsResult {
  baseline: Measure;
  /** By block, attention first; blocks whose parts cannot be told apart are missing. */
  parts: PartScore[];
  /** Least important first. */
  order: PartUnit[];
  windows: number[][];
  settings: RecordedSettings;
  device: { kind: DeviceKind; name: string };
  seconds: number;
  costRatio: number | null;
}

export type PartsEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'baseline'; baseline: Measure }
  | { type: 'part'; part: PartScore };

/**
 * Sums over the linear matrices of each block, dequantised as the graph does it, accumulated in
 * float64. Low = safe to remove.
 */
export interface Magnitudes {
  /** Sum of absolute values, one per block. */
  l1: number[];
  /** Sum of squares, not its root. */
  l2: number[];
  /** The same with the norm vectors of the block. */
  l1WithNorms: number[];
  l2WithNorms: number[];
  bytesRead: number;
  seconds: number;
}

/**
 * Iterative PPL (SLEB): the block whose removal costs least goes, and what is left is scored again.
 */
export interface SearchRequest {
  settings: ScoreSettings;
  /** Removed before the search begins. */
  start: Unit[];
  /** Blocks that stay. */
  locked: number[];
  /** Blocks to remove, at most. */
  count: number;
  /** Stop before the perplexity of the plan goes above this; null = no bound. */
  maxPpl: number | null;
}

export interface SearchStep {
  /** The block that went in this step. */
  block: number;
  /** Of the model without it and all that went before. */
  measure: Measure;
  /** NLL of every candidate of this step, in nats, ascending. */
  candidates: { block: number; nll: number }[];
  seconds: number;
}

export type SearchEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | {
      type: 'started';
      device: { kind: DeviceKind; name: string };
      baseline: Measure;
      resumedSteps: number;
    }
  /** A candidate of the step that runs. */
  | { type: 'candidate'; step: number; block: number; nll: number }
  | { type: 'step'; step: SearchStep };

export interface SearchResult {
  /** Of the model as the search found it: without `start`. */
  baseline: Measure;
  steps: SearchStep[];
  /** Why it ended: all asked blocks went, the bound was reached, or nothing unlocked is left. */
  stoppedBy: 'count' | 'bound' | 'locks';
  windows: number[][];
  settings: RecordedSettings;
  device: { kind: DeviceKind; name: string };
  seconds: number;
  /** Cost against the sum of the steps' ideals, measured in the run; null when unknown. */
  costRatio: number | null;
}

/**
 * Perplexity on a text of its own, by the paper's protocol (non-overlapping segments) or with a
 * stride.
 */
export interface EvaluateRequest {
  /** The plan; empty: the original alone. */
  removed: Unit[];
  /** `bundled` is the evaluation text that comes with the page. */
  text: { kind: 'bundled' } | { kind: 'text'; name: string; text: string };
  /** Tokens per segment, BOS included. */
  segment: number;
  /**
   * Tokens from one segment to the next; a segment then predicts its last `stride` tokens only.
   * null = no overlap.
   */
  stride: number | null;
  bos: 'none' | 'every' | null;
  /** Evaluate at most this many segments, from the start; null = all. */
  maxSegments: number | null;
  device: 'auto' | DeviceKind;
  budgetBytes?: number | undefined;
}

export interface EvaluatedSide {
  /** Mean over all predicted tokens, nats. */
  nll: number;
  ppl: number | null;
  /** 95 % bootstrap interval of the mean NLL over segments, nats. */
  ci95: [number, number];
}

export interface EvaluateResult {
  text: { name: string; sha256: string; tokens: number };
  segment: number;
  stride: number | null;
  bos: 'none' | 'every';
  /** Segments evaluated, of all that the text gives. */
  segments: number;
  totalSegments: number;
  /** Predicted tokens that the means are over. */
  predicted: number;
  removed: Unit[];
  original: EvaluatedSide;
  /** null when nothing is removed. */
  plan: EvaluatedSide | null;
  /**
   * Share of predicted positions at which both give the same most likely token; null when nothing
   * is removed.
   */
  top1Agreement: number | null;
  /**
   * Mean KL(original || plan) in nats over the predicted positions; null when nothing is removed.
   */
  klDivergence: number | null;
  device: { kind: DeviceKind; name: string };
  /** What makes the numbers doubtful: overlap with the calibration text. */
  warnings: string[];
  seconds: number;
}

export type EvaluateEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  /** The numbers over the segments so far. */
  | { type: 'partial'; result: EvaluateResult };

/**
 * A long job that did not come to its end; it goes on when it is asked for with the same settings.
 */
export interface Interrupted {
  key: string;
  job: 'score' | 'parts' | 'search';
  /** What it was asked with. */
  settings: ScoreSettings;
  search: Omit<SearchRequest, 'settings'> | null;
  device: { kind: DeviceKind; name: string };
  /** Block evaluations done, of all. */
  done: number;
  total: number;
  /** ms since 1970. */
  savedAt: number;
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
  /** What else was found out, recorded in espalier.json. */
  study?: StudyRecord;
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

/**
 * "verified" only when every check ran and passed; "in-parts" when the graph is too large to be run
 * whole here, but everything else is right and its blocks, run one after the other from the written
 * files, give the right numbers; "unverified" when those that ran passed but nothing here can run
 * the graph, or what could was lost on the way.
 */
export interface Verification {
  status: 'verified' | 'in-parts' | 'unverified' | 'failed';
  checks: VerifyCheck[];
  device: string;
  seconds: number;
}

export interface StudioApi {
  /**
   * Reads structure only. Replaces the model that was open, unless it fails: then the old one
   * stays.
   */
  open(request: OpenRequest, onEvent: (progress: Progress) => void): Promise<OpenResult>;
  /** Looks for a GPU and runs the self-test once per adapter; later calls answer at once. */
  device(): Promise<DeviceReport>;
  memory(settings: ScoreSettings): Promise<MemoryEstimate>;
  /** Leave-one-out curve. @throws EspalierError `cancelled` after cancel(). */
  score(settings: ScoreSettings, onEvent: (event: ScoreEvent) => void): Promise<ScoreResult>;
  /**
   * Windows of a restored curve: makes `plan` possible without scoring again.
   * Weights and the intact pass are loaded when the first plan is measured.
   * @param budgetBytes what plans may take; by default what the last job might
   */
  useWindows(windows: number[][], device: 'auto' | DeviceKind, budgetBytes?: number): Promise<void>;
  /**
   * What makes the open model recognisable: hashes of its graph and of samples of its weights
   * (reads at most 4 MiB of them).
   */
  identity(): Promise<Identity>;
  /**
   * PPL with the given blocks removed, on the windows of the last score or useWindows call. A newer
   * call cancels an older one.
   */
  plan(removed: Unit[], onEvent: (progress: Progress) => void): Promise<PlanResult>;
  /**
   * Leave-one-out over the parts of the blocks, on the windows of the last score or useWindows, or
   * those of the settings. @throws EspalierError as `score`.
   */
  scoreParts(settings: ScoreSettings, onEvent: (event: PartsEvent) => void): Promise<PartsResult>;
  /**
   * Reads every weight byte of the blocks once, in bounded memory. @throws EspalierError
   * `cancelled`, `missing-file`, `unsupported-op` for a quantisation that cannot be undone.
   */
  magnitudes(onEvent: (progress: Progress) => void): Promise<Magnitudes>;
  /** The criteria of the intact pass, for a curve that came without them. */
  hiddenCriteria(
    settings: ScoreSettings,
    onEvent: (progress: Progress) => void,
  ): Promise<HiddenCriteria>;
  /**
   * Iterative PPL. Cancelled, the steps so far were told by events. @throws EspalierError as
   * `score`.
   */
  search(request: SearchRequest, onEvent: (event: SearchEvent) => void): Promise<SearchResult>;
  /** Holds the running search between two runs, or lets it go on. */
  pause(on: boolean): Promise<void>;
  /**
   * Perplexity of original and plan on another text. Cancelled, the partial result was told by
   * events.
   */
  evaluate(
    request: EvaluateRequest,
    onEvent: (event: EvaluateEvent) => void,
  ): Promise<EvaluateResult>;
  /** Jobs on the open model that were interrupted, newest first. */
  interrupted(): Promise<Interrupted[]>;
  /** Forgets an interrupted job. */
  forget(key: string): Promise<void>;
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
