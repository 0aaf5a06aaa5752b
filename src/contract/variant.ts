// One variant of a model, loaded from the bytes an export would write: runs and generation.

import type { Sampling } from '../analysis/sampling.ts';
import type { StepChoice } from '../model/export/steps.ts';
import type { ChatMessage } from '../text/chat.ts';
import type { Unit } from '../units.ts';
import type { DeviceChoice, DeviceKind, SelfTest, UsedDevice } from './device.ts';
import type { Methods } from './methods.ts';
import type { ChatSupport, FolderSource } from './open.ts';
import type { Progress } from './progress.ts';

/**
 * What a generation continues. `chat` goes through the model's own template; `ids` needs no
 * tokenizer.
 */
export type Prompt =
  | { kind: 'raw'; text: string }
  | { kind: 'chat'; messages: ChatMessage[] }
  | { kind: 'ids'; ids: number[] };

export interface EncodedPrompt {
  ids: number[];
  /** The text that was encoded: the template's output for a chat, '' for ids. */
  text: string;
}

/** Which bytes to load and where to run them. */
export interface VariantRequest {
  source: FolderSource;
  /** Path of the graph within the source. */
  graph: string;
  /**
   * Units left out, numbered as in the source. Empty: the source as an export without removals
   * writes it.
   */
  removed: Unit[];
  /** What an export does after the removal: nothing by default. */
  steps?: readonly StepChoice[];
  device: 'auto' | DeviceKind;
  /** What `auto` means for this model; absent where nothing was chosen. */
  chosen?: DeviceChoice['whole'] | undefined;
  /** Of the GPU where it may be used; null = use the wasm device. */
  selfTest: SelfTest | null;
  /** Record the decode step once and replay it, where the graph allows it (WebGPU only). */
  graphCapture: boolean;
}

/**
 * How the caches are held: `static` = buffers of full capacity, past and present at once; `growing`
 * = copied at each step, longer by one token; `none` = the graph has no cache, every step repeats
 * the whole sequence.
 */
export type CacheKind = 'static' | 'growing' | 'none';

/** What was loaded. */
export interface VariantInfo {
  device: UsedDevice;
  /** Build and version of ONNX Runtime, e.g. "onnxruntime-web 1.30.0 (jspi)". */
  runtime: string;
  cache: CacheKind;
  /** True when the decode step is replayed and gives the same tokens. */
  graphCapture: boolean;
  /** Why not the requested device, why no graph capture, ...; sentences for people. */
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
  chat: ChatSupport;
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
   * Seconds of its own so far, without the time in which the other variant ran: to the first token,
   * and to the last.
   */
  ttft: number;
  seconds: number;
  /** New tokens so far. */
  tokens: number;
  /** Why it ended, or null while it runs. */
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
   * @throws EspalierError `tokenizer` (no tokenizer, no template, or one that fails, with its own
   *   message), `bad-input` (ids outside the vocabulary, an empty prompt)
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
  /** Frees all its memory. Calls under way reject with `cancelled`. */
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
  steps?: readonly StepChoice[],
) => Promise<VariantHandle>;

/** Calls of a variant's worker: every method of `VariantApi`. */
export const VARIANT_METHODS = {
  load: {},
  encode: {},
  run: {},
  begin: {},
  advance: {},
} as const satisfies Methods<VariantApi>;
