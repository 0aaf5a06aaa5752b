// The CPU devices: weights and hidden states in typed arrays, under ONNX Runtime's CPU provider of
// its plain wasm build or of the native package.

import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { DeviceKind } from '../../contract/device.ts';
import type { ElementType, Program } from '../../model/programs/program.ts';
import type {
  ByteSpan,
  Compiled,
  DeviceBuffer,
  DeviceTensor,
  DirectRunner,
  Engine,
  ExternalData,
  Feed,
  RunOutputs,
  Shape,
} from './engine.ts';
import { outOfMemory } from './fault.ts';
import {
  byteSize,
  count,
  elements,
  fromOrt,
  type HostData,
  type HostTensor,
  toOrt,
} from './host.ts';
import { Ledger, type Purpose } from './ledger.ts';
import type { OrtBuild, OrtPackage, OrtRuntime } from './ort.ts';
import { Sessions } from './sessions.ts';

/** What tells one CPU device from the other. */
export interface HostDevice {
  readonly kind: DeviceKind;
  /** For people. */
  readonly name: string;
  /** Largest typed array in bytes. */
  readonly maxBufferBytes: number;
  readonly maxGraphBytes: number;
  readonly feedsNibbles: boolean;
  readonly loadCopies: number;
  readonly diskCopies: number | null;
  /** Of every session. */
  readonly sessionOptions: InferenceSession.SessionOptions;
}

/** A tensor in ordinary memory, with the entry it has in a ledger. */
class ArrayTensor implements DeviceTensor {
  readonly tensor: Tensor;
  readonly host: HostTensor;
  private readonly done: () => void;

  constructor(runtime: OrtRuntime, host: HostTensor, done: () => void) {
    this.host = host;
    this.tensor = toOrt(runtime, host);
    this.done = done;
  }

  get type(): ElementType {
    return this.host.type;
  }

  get dims(): readonly number[] {
    return this.host.dims;
  }

  free(): void {
    this.done();
  }
}

export class HostEngine implements Engine {
  readonly kind: DeviceKind;
  readonly name: string;
  readonly package: OrtPackage;
  readonly build: OrtBuild;
  readonly version: string;
  readonly ledger = new Ledger();
  readonly maxBufferBytes: number;
  readonly maxGraphBytes: number;
  readonly loadCopies: number;
  readonly float16 = true;
  readonly feedsNibbles: boolean;
  readonly streamsBlobs = false;
  readonly diskCopies: number | null;
  readonly onHost = true;
  private readonly runtime: OrtRuntime;
  private readonly sessions: Sessions;
  private readonly options: InferenceSession.SessionOptions;
  private readonly open = new Set<() => void>();

  constructor(runtime: OrtRuntime, device: HostDevice) {
    this.runtime = runtime;
    this.kind = device.kind;
    this.name = device.name;
    this.package = runtime.package;
    this.build = runtime.build;
    this.version = runtime.version;
    this.maxBufferBytes = device.maxBufferBytes;
    this.maxGraphBytes = device.maxGraphBytes;
    this.feedsNibbles = device.feedsNibbles;
    this.loadCopies = device.loadCopies;
    this.diskCopies = device.diskCopies;
    this.options = device.sessionOptions;
    this.sessions = new Sessions(runtime);
  }

  async compile(program: Program): Promise<Compiled> {
    return { key: await this.sessions.create(program, this.kind, this.options), onCpu: true };
  }

  async compileModel(
    id: string,
    bytes: Uint8Array,
    externalData: ExternalData[],
    directory?: string,
  ): Promise<Compiled> {
    const options = { ...this.options, externalData, ...this.extraOf(directory) };
    return { key: await this.sessions.create({ id, bytes }, this.kind, options), onCpu: true };
  }

  async captureObstacle(): Promise<string | null> {
    return 'it needs WebGPU.';
  }

  allocate(bytes: number, purpose: Purpose, label: string): DeviceBuffer {
    let memory: Uint8Array<ArrayBuffer>;
    try {
      memory = new Uint8Array(bytes);
    } catch (error) {
      throw outOfMemory(label, bytes, String(error));
    }
    const done = this.record(purpose, bytes);
    return {
      bytes,
      write: (offset, data) => memory.set(data, offset),
      view: (type, dims) =>
        new ArrayTensor(
          this.runtime,
          { type, dims, data: elements(type, memory.subarray(0, byteSize(type, dims))) },
          () => {},
        ),
      free: done,
    };
  }

  keepsOnHost(): boolean {
    return false;
  }

  slice(tensor: DeviceTensor, start: number, dims: readonly number[]): DeviceTensor {
    const { type, data } = hostOf(tensor);
    const view = data.subarray(start, start + count(dims)) as HostData;
    return new ArrayTensor(this.runtime, { type, dims, data: view }, () => {});
  }

  async run(
    compiled: Compiled,
    feeds: ReadonlyMap<string, Feed>,
    keep: ReadonlyMap<string, Shape>,
  ): Promise<RunOutputs> {
    const inputs: Record<string, Tensor> = {};
    for (const [name, feed] of feeds)
      inputs[name] = 'tensor' in feed ? feed.tensor : toOrt(this.runtime, feed);
    const fetches = Object.fromEntries(
      (await this.sessions.names(compiled.key)).outputs.map((name) => [name, null]),
    );
    const results = await this.sessions.run(compiled.key, inputs, fetches, null);
    const outputs: RunOutputs = { device: new Map(), host: new Map() };
    for (const [name, tensor] of Object.entries(results)) {
      const host = fromOrt(tensor);
      if (keep.has(name))
        outputs.device.set(
          name,
          new ArrayTensor(this.runtime, host, this.record('hidden', host.data.byteLength)),
        );
      else outputs.host.set(name, host);
    }
    return outputs;
  }

  direct(compiled: Compiled): Promise<DirectRunner> {
    return this.sessions.direct(compiled.key, null);
  }

  wrap(host: HostTensor): Tensor {
    return toOrt(this.runtime, host);
  }

  async read(tensor: DeviceTensor): Promise<HostTensor> {
    return hostOf(tensor);
  }

  async readSpans(
    tensor: DeviceTensor,
    spans: readonly ByteSpan[],
    target: Uint8Array,
  ): Promise<void> {
    const { data } = hostOf(tensor);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    let at = 0;
    for (const { offset, length } of spans) {
      target.set(bytes.subarray(offset, offset + length), at);
      at += length;
    }
  }

  async settled(): Promise<void> {}

  async check(): Promise<void> {}

  async release(compiled: readonly Compiled[]): Promise<void> {
    await this.sessions.release(compiled.map(({ key }) => key));
  }

  trim(): void {}

  async dispose(): Promise<void> {
    await this.sessions.release();
    for (const done of [...this.open]) done();
  }

  /** ONNX Runtime's own name for the folder of external data. */
  private extraOf(directory: string | undefined): Pick<InferenceSession.SessionOptions, 'extra'> {
    if (directory === undefined) return {};
    const { session } = { session: {}, ...this.options.extra };
    const folder = { model_external_initializers_file_folder_path: directory };
    return { extra: { ...this.options.extra, session: { ...session, ...folder } } };
  }

  private record(purpose: Purpose, bytes: number): () => void {
    const close = this.ledger.add(purpose, bytes);
    const done = (): void => {
      close();
      this.open.delete(done);
    };
    this.open.add(done);
    return done;
  }
}

function hostOf(tensor: DeviceTensor): HostTensor {
  return tensor instanceof ArrayTensor ? tensor.host : fromOrt(tensor.tensor);
}
