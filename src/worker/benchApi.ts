// The declared contract of measuring and generating: a worker that holds one variant as export
// would write it, and the meter that drives two of them. Types only.

import type { Sampling } from '../analysis/sampling.ts';
import type { SpeedSummary, Stat } from '../analysis/speed.ts';
import type { ErrorReport } from '../errors.ts';
import type { ChatMessage } from '../text/chat.ts';
import type { Unit } from '../units.ts';
import type { DeviceKind, FolderSource, Progress, SelfTest } from './api.ts';

/**
 * What a variant is asked to go on from. `chat` goes through the model's own template; `ids` needs
 * no tokenizer.
 */
export type Prompt =
  | { kind: 'raw'; text: string }
  | { kind: 'chat'; messages: ChatMessage[] }
  | { kind: 'ids'; ids: number[] };

export interface EncodedPrompt {
  ids: number[];
  /** The text that was turned into ids: the template's output for a chat, '' for ids. */
  text: string;
}

/** Which bytes to load and where to run them. */
export interface VariantRequest {
  source: FolderSource;
  /** Path of the graph within the source. */
  graph: string;
  /**
   * Blocks left out, in the numbering of the source. Empty: the source as an export without
   * removals writes it.
   */
  removed: Unit[];
  device: 'auto' | DeviceKind;
  /** Of the GPU where it may be used, else null: then the wasm device is taken. */
  selfTest: SelfTest | null;
  /** Record the decode step once and replay it, where the graph allows it (WebGPU only). */
  graphCapture: boolean;
}

/**
 * Where the past lies: `static` = own buffers of full capacity, past and present at once; `growing`
 * = copied on by one token each step; `none` = the graph has no cache, every step repeats the whole
 * sequence.
 */
export type CacheKind = 'static' | 'growing' | 'none';

/** What was loaded. */
export interface VariantInfo {
  device: { kind: DeviceKind; name: string };
  /** Build and version of ONNX Runtime, e.g. "onnxruntime-web 1.30.0 (jspi)". */
  runtime: string;
  cache: CacheKind;
  /** True when the decode step is replayed and gives the same tokens. */
  graphCapture: boolean;
  /** Why another device than asked for, why no graph capture, ...; sentences for people. */
  notes: string[];
  numBlocks: number;
  /** Bytes of the graph file and its data as export writes them. */
  fileBytes: number;
  /** Seconds from the first byte read to a session that is ready to run. */
  loadSeconds: number;
  /** Longest context in tokens, or null when nothing declares one. */
  contextLength: number | null;
  vocabSize: number;
  hasTokenizer: boolean;
  /**
   * `none`: raw prompts only. A string is the error of a template or tokenizer that is there and
   * broken.
   */
  chat: 'ok' | 'none' | { error: string };
}

/** One timed run: a prompt and exactly `tokens` new tokens per row, end-of-sequence ignored. */
export interface RunShape {
  /** Prompt token ids; every row of the batch gets the same. */
  ids: number[];
  /** New tokens L per row. */
  tokens: number;
  /** Rows M. */
  batch: number;
  sampling: Sampling;
}

/** Times of one run, in seconds from its start. */
export interface RunSample {
  promptTokens: number;
  tokens: number;
  batch: number;
  /** Until the first token is chosen (t_1). */
  ttft: number;
  /** Until the last token is chosen (t_n): the latency T. */
  seconds: number;
  /** Of the decode steps: time outside ONNX Runtime's own run (feeds, sampling, readback). */
  hostSeconds: number;
  /**
   * Bytes that the variant held on the device during the run: weights, caches, own buffers. Memory
   * inside ONNX Runtime's kernels is not seen.
   */
  deviceBytes: number;
  /** The new ids of row 0. */
  ids: number[];
}

export interface GenerationStart {
  ids: number[];
  /** Most new tokens. */
  tokens: number;
  sampling: Sampling;
  /** End at the model's end-of-sequence tokens. */
  stopAtEos: boolean;
}

/** What a slice of a generation brought. */
export interface Advance {
  /** New ids of this slice. */
  ids: number[];
  /**
   * The whole text so far; '' without a tokenizer. Stable: an unfinished character at the end is
   * held back.
   */
  text: string;
  /** Length of the text after each id of this slice, in UTF-16 units. */
  ends: number[];
  /**
   * Own seconds so far (time when the other variant ran is not in it): to the first token, and to
   * the last.
   */
  ttft: number;
  seconds: number;
  /** New tokens so far. */
  tokens: number;
  /** Why it ended, or null while it goes on. */
  done: 'length' | 'eos' | null;
}

/** One variant in a worker of its own. Cancelled by terminating the worker. */
export interface VariantApi {
  /**
   * Reads exactly the bytes that export would write, out of the source's files, and compiles them.
   * @throws EspalierError `bad-input` (blocks that cannot be removed), `unsupported-op`,
   *   `unsupported-graph`, `no-webgpu`, `out-of-memory`, `missing-file`, `device-lost`
   */
  load(request: VariantRequest, onProgress: (progress: Progress) => void): Promise<VariantInfo>;
  /**
   * @throws EspalierError `tokenizer` (none, or a template without or with an error: the template's
   * own words), `bad-input` (ids outside the vocabulary, an empty prompt)
   */
  encode(prompt: Prompt): Promise<EncodedPrompt>;
  /**
   * One run from an empty cache. @throws EspalierError `bad-input` when prompt and tokens exceed
   * the context, `out-of-memory`, `device-lost`
   */
  run(shape: RunShape): Promise<RunSample>;
  /** Starts a generation; the one before is forgotten. Errors as `run`. */
  begin(start: GenerationStart): Promise<void>;
  /** Generates for about `ms` milliseconds, at least one token. */
  advance(ms: number): Promise<Advance>;
}

/** A loaded variant, local or in a worker. */
export interface VariantHandle extends Omit<VariantApi, 'load'> {
  readonly info: VariantInfo;
  /** Gives all its memory back. Calls under way reject with `cancelled`. */
  close(): Promise<void>;
}

/**
 * Opens a variant; the page's spawns a worker, the command line's runs in place. @throws as
 * `VariantApi.load`, `cancelled`
 */
export type OpenVariant = (
  removed: Unit[],
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
) => Promise<VariantHandle>;

export type Which = 'original' | 'pruned';

/**
 * The protocol of a measurement (Shortened LLaMA, section 4: 12 -> 128 tokens, 10 + 20 runs), or
 * the quick one.
 */
export interface SpeedSettings {
  mode: 'paper' | 'quick' | 'custom';
  /**
   * null = a text of our own cut to `promptTokens`; a string is encoded as it is and sets the
   * length.
   */
  prompt: string | null;
  promptTokens: number;
  tokens: number;
  warmup: number;
  runs: number;
  batch: number;
  sampling: Sampling;
  graphCapture: boolean;
}

export interface VariantMeasure {
  info: VariantInfo;
  removed: Unit[];
  speed: SpeedSummary;
  samples: RunSample[];
  /**
   * Seconds of each load; several when the variants did not fit together and were loaded in turns.
   */
  loads: number[];
  /** Most bytes held on the device. */
  deviceBytes: number;
}

export interface Gain {
  /** Mean throughput of the pruned over that of the original. */
  ratio: number;
  /** 95 % bootstrap interval of the ratio over runs. */
  ci95: [number, number];
  /** True when the spread of the runs exceeds the difference: the interval holds 1. */
  noise: boolean;
}

/**
 * What was measured, with what it was measured on. A variant that failed has an error instead; the
 * other's numbers stay.
 */
export interface MeasureResult {
  original: VariantMeasure | null;
  /** null too when nothing is removed. */
  pruned: VariantMeasure | null;
  errors: { readonly [W in Which]?: ErrorReport };
  gain: Gain | null;
  settings: SpeedSettings;
  promptIds: number[];
  /**
   * `runs` = one run each in turn; `rounds` = loaded and measured in turns because both did not
   * fit.
   */
  interleaved: 'runs' | 'rounds';
  notes: string[];
  /** Seconds of the whole measurement. */
  seconds: number;
}

export type MeterEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'loaded'; which: Which; info: VariantInfo }
  | { type: 'sample'; which: Which; sample: RunSample; warmup: boolean };

export interface MeterRequest {
  source: FolderSource;
  graph: string;
  removed: Unit[];
  device: 'auto' | DeviceKind;
  /**
   * Estimated device bytes of each variant (`planSize`: weights, and the cache of prompt and new
   * tokens): what does not fit together is loaded in turns.
   */
  estimate: Record<Which, number>;
}

export interface MeasureRequest extends MeterRequest {
  settings: SpeedSettings;
}

/** One point of a batch sweep. */
export interface SweepPoint {
  batch: number;
  latency: Stat;
  throughput: Stat;
}

export interface SweepResult {
  original: SweepPoint[];
  pruned: SweepPoint[];
  /** Where a variant stopped before the last batch size, and why. */
  stopped: { which: Which; batch: number; error: ErrorReport }[];
  settings: SpeedSettings;
  device: { kind: DeviceKind; name: string } | null;
  notes: string[];
}

export interface GenerateRequest extends MeterRequest {
  prompt: Prompt;
  tokens: number;
  sampling: Sampling;
  stopAtEos: boolean;
}

/** How far one side of a generation is; `ids` and `ends` are of all new tokens so far. */
export interface Side extends Advance {
  info: VariantInfo;
}

export type GenerateEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'note'; text: string }
  | { type: 'prompt'; prompt: EncodedPrompt }
  | { type: 'side'; which: Which; side: Side }
  | { type: 'failed'; which: Which; error: ErrorReport };

export interface GenerateResult {
  original: Side | null;
  /** null too when nothing is removed. */
  pruned: Side | null;
  errors: { readonly [W in Which]?: ErrorReport };
  /** Index of the first new token in which the two differ, or null. */
  divergesAt: number | null;
}

/** Measuring and generating, from the page. One job at a time: a new one cancels the one before. */
export interface MeterApi {
  /** @throws EspalierError `cancelled`; when both variants fail, the error of the original. */
  measure(request: MeasureRequest, onEvent: (event: MeterEvent) => void): Promise<MeasureResult>;
  /** Batch sizes in order, each variant until it no longer fits. Errors as `measure`. */
  sweep(
    request: MeasureRequest,
    batches: number[],
    onEvent: (event: MeterEvent) => void,
  ): Promise<SweepResult>;
  /**
   * Both variants take turns of a few dozen ms, so that both stream and neither slows the other.
   * Errors as `measure`.
   */
  generate(
    request: GenerateRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<GenerateResult>;
  /** Ends the running job at once; its workers are terminated. */
  cancel(): void;
}
