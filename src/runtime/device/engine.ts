// What a device does for the rest of the runtime: compile programs, hold bytes, run one program at
// a time. The CPU engines (wasm, native) and the WebGPU engine implement it.

import type { Tensor } from 'onnxruntime-web';
import type { DeviceKind } from '../../contract/device.ts';
import type { ElementType, Program } from '../../model/programs/program.ts';
import type { HostTensor } from './host.ts';
import type { Ledger, Purpose } from './ledger.ts';
import type { OrtBuild, OrtPackage } from './ort.ts';

/** A compiled program. */
export interface Compiled {
  readonly key: string;
  /** True when every node was asked to run on the CPU provider. */
  readonly onCpu: boolean;
}

/**
 * Bytes on the device (or in ordinary memory on the CPU), written by ranges and then read through
 * views.
 */
export interface DeviceBuffer {
  readonly bytes: number;
  /** Copies `data` to `offset`. On WebGPU both must be multiples of 4 except for the last range. */
  write(offset: number, data: Uint8Array<ArrayBuffer>): void;
  /** The bytes as a tensor; several views of one buffer are fine (tied tables). */
  view(type: ElementType, dims: readonly number[]): DeviceTensor;
  free(): void;
}

/**
 * A tensor that programs can read. Whoever made it frees it, once; views are freed with their
 * buffer.
 */
export interface DeviceTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** The runtime's own handle. */
  readonly tensor: Tensor;
  free(): void;
}

export type Feed = DeviceTensor | HostTensor;

export interface RunOutputs {
  /** The outputs that stay on the device, as asked; the caller frees them. */
  device: Map<string, DeviceTensor>;
  /** All others, read back. */
  host: Map<string, HostTensor>;
}

/** Type and dims of an output that stays on the device. */
export interface Shape {
  type: ElementType;
  dims: readonly number[];
}

export interface ExternalData {
  path: string;
  /** A Blob only where the engine streams blobs. */
  data: Uint8Array | Blob;
}

/**
 * A compiled program run with the caller's own ONNX Runtime tensors: nothing is allocated, wrapped
 * or converted on the way.
 */
export interface DirectRunner {
  readonly outputs: readonly string[];
  /** Time spent inside ONNX Runtime's run so far, s. */
  seconds: number;
  /**
   * A fetched tensor is written in place, for null it comes back in ordinary memory; outputs that
   * are not named are dropped. Without `fetches` all come back: ONNX Runtime looks up named ones
   * each among all, which is slow in a graph with many caches. Errors as `Engine.run`.
   */
  run(
    feeds: Record<string, Tensor>,
    fetches?: Record<string, Tensor | null>,
  ): Promise<Record<string, Tensor>>;
}

/** A range of bytes of a tensor. */
export interface ByteSpan {
  offset: number;
  length: number;
}

/** One device with its ONNX Runtime build. Creates, runs and releases never overlap. */
export interface Engine {
  readonly kind: DeviceKind;
  /** For people: the adapter, or the CPU with its number of threads. */
  readonly name: string;
  readonly package: OrtPackage;
  readonly build: OrtBuild;
  /** Version of the package. */
  readonly version: string;
  readonly ledger: Ledger;
  /** Largest buffer (and binding) in bytes. */
  readonly maxBufferBytes: number;
  /** Most bytes of a graph file with its weights that one session can load. */
  readonly maxGraphBytes: number;
  /** How often the bytes of a graph file lie in memory while a session of it is made. */
  readonly loadCopies: number;
  /**
   * The same where external data stays on the local disk and ONNX Runtime reads it by itself; null
   * where it cannot.
   */
  readonly diskCopies: number | null;
  /** Tensors lie in ordinary memory, and a run has been computed when it resolves. */
  readonly onHost: boolean;
  /** float16 programs can run here. */
  readonly float16: boolean;
  /** Tensors of 4-bit integers can be fed. */
  readonly feedsNibbles: boolean;
  /**
   * External data may be given as a Blob, which is read range by range while the weights travel to
   * the device.
   */
  readonly streamsBlobs: boolean;
  /**
   * Compiles a program, once per program object.
   * @throws EspalierError `unsupported-op` when no kernel exists, `device-lost`, `out-of-memory`.
   */
  compile(program: Program, options?: { cpu?: boolean }): Promise<Compiled>;
  /**
   * Compiles a whole model file with its external data; `path` as the file names it. Same errors as
   * `compile`.
   * @param directory where the external data that is not given lies on the disk, for an engine that
   *   reads it there
   */
  compileModel(
    id: string,
    bytes: Uint8Array,
    externalData: ExternalData[],
    directory?: string,
  ): Promise<Compiled>;
  /**
   * Tries to compile for graph capture: null when ONNX Runtime accepts the graph, else the reason
   * as the end of a sentence. Nothing stays compiled.
   */
  captureObstacle(
    id: string,
    bytes: Uint8Array,
    externalData: ExternalData[],
  ): Promise<string | null>;
  /** @throws EspalierError `out-of-memory` with sizes when it does not fit. */
  allocate(bytes: number, purpose: Purpose, label: string): DeviceBuffer;
  /**
   * True when a weight of this type for this program should stay in ordinary memory (CPU kernels
   * read it).
   */
  keepsOnHost(type: ElementType, program: Program): boolean;
  /**
   * The elements from `start` on, as a tensor of these dims: rows of a batch, positions of a row.
   */
  slice(tensor: DeviceTensor, start: number, dims: readonly number[]): DeviceTensor;
  /**
   * One run. Outputs in `keep` stay on the device; outputs not named in `keep` are read back.
   * @throws EspalierError `device-lost`, `out-of-memory`, `bug` with the runtime's own message as
   *   detail.
   */
  run(
    compiled: Compiled,
    feeds: ReadonlyMap<string, Feed>,
    keep: ReadonlyMap<string, Shape>,
  ): Promise<RunOutputs>;
  /** The program as it is, for many runs in a row. */
  direct(compiled: Compiled): Promise<DirectRunner>;
  /** ONNX Runtime's view of a tensor in ordinary memory, sharing its bytes. */
  wrap(host: HostTensor): Tensor;
  /** Reads a tensor back to ordinary memory. */
  read(tensor: DeviceTensor): Promise<HostTensor>;
  /**
   * Reads spans of a tensor of `allocate` into `target`, one behind the other, with one round trip.
   * Errors as `run`.
   */
  readSpans(tensor: DeviceTensor, spans: readonly ByteSpan[], target: Uint8Array): Promise<void>;
  /** Resolves when everything submitted so far has been computed. */
  settled(): Promise<void>;
  /**
   * Waits for reported allocation failures. @throws EspalierError `out-of-memory`, `device-lost`.
   */
  check(): Promise<void>;
  /** Releases sessions. GPU memory inside them may wait for garbage collection. */
  release(compiled: readonly Compiled[]): Promise<void>;
  /** Gives freed buffers that wait for re-use back to the device. */
  trim(): void;
  /** Releases every session and buffer; the ledger is zero afterwards. */
  dispose(): Promise<void>;
}
