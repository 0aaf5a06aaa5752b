// What the decode benchmark asks of its page and of a contestant's worker, as types.

import type { SpeedSettings } from '../../../src/contract/speed.ts';

/** Ours, transformers.js, and a loop that does nothing but run the graph. */
export type Who = 'ours' | 'transformers' | 'bare';

export type Device = 'wasm' | 'webgpu';

/** An exported folder below the page. */
export interface Served {
  /** Name of the folder below `models/`. */
  name: string;
  files: { path: string; size: number }[];
  graph: string;
  /** What transformers.js calls this graph. */
  dtype: 'fp32' | 'q4';
}

/** What a contestant says of itself once it is loaded. */
export interface Loaded {
  /** Library and version. */
  library: string;
  /** Version of ONNX Runtime Web that runs it, its build and its threads. */
  ort: { version: string; build: string; threads: number };
  notes: string[];
}

/**
 * One run from an empty cache: `tokens` greedy tokens after the prompt, end-of-sequence ignored.
 * Seconds from its start.
 */
export interface Timed {
  /** Until the first token is chosen. */
  ttft: number;
  /** Until the last token is chosen. */
  seconds: number;
  /** Decode seconds outside ONNX Runtime's run, where the contestant measures them. */
  hostSeconds: number | null;
  ids: number[];
}

/** One contestant, alone in its worker. */
export interface ContestantApi {
  load(who: Who, device: Device, served: Served): Promise<Loaded>;
  run(prompt: number[], tokens: number): Promise<Timed>;
  /** Frees what was loaded; the bytes that its own books still hold, where it keeps any. */
  close(): Promise<number | null>;
}

export interface ContestRequest {
  device: Device;
  served: Served;
  prompt: number[];
  tokens: number;
  /** Fresh workers for all, so often. */
  sittings: number;
  warmups: number;
  /** Timed rounds of each sitting. */
  rounds: number;
  /** Runs of everyone in a round, in turn. */
  turns: number;
}

export interface ContestResult {
  loaded: Record<Who, Loaded>;
  /** Runs of each, turn by turn, rounds of all sittings one after the other. */
  runs: Record<Who, Timed[]>;
}

export interface MeasureCall {
  served: Served;
  removed: number[];
  settings: SpeedSettings;
}

export interface MemoryPoint {
  /** Measurements done so far. */
  cycle: number;
  /**
   * performance.measureUserAgentSpecificMemory: page and its workers, after garbage collection,
   * bytes.
   */
  bytes: number;
  /** Of workers alone. */
  workerBytes: number;
}

/** Seconds of each way to write a file of `bytes` bytes, turn by turn. */
export interface Copies {
  bytes: number;
  folder: number[];
  zip: number[];
  /** A stream from file to file. */
  copy: number[];
}

export interface CopierApi {
  copies(request: { bytes: number; turns: number }): Promise<Copies>;
}
