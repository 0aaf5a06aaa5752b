// The CPU device: ONNX Runtime's plain wasm build, weights and hidden states in typed arrays.

import type { Tensor } from 'onnxruntime-web';
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
import { loadOrt, type OrtLoader, type OrtRuntime } from './ort.ts';
import { Sessions } from './sessions.ts';

/** Typed arrays above this size are refused by some engines; the wasm heap ends at 4 GiB anyway. */
const MAX_BUFFER_BYTES = 2 ** 31 - 1;

/** Limits of the wasm device: those of one typed array; its kernels take float16. */
export const WASM_LIMITS = { maxBufferBytes: MAX_BUFFER_BYTES, features: ['shader-f16'] } as const;

/** The wasm device. @throws EspalierError `bug` when ONNX Runtime cannot be loaded. */
export async function openWasm(loader: OrtLoader): Promise<Engine> {
  return new WasmEngine(await loadOrt(loader, 'plain'));
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

class WasmEngine implements Engine {
  readonly kind = 'wasm';
  readonly name: string;
  readonly build = 'plain';
  readonly version: string;
  readonly ledger = new Ledger();
  readonly maxBufferBytes = MAX_BUFFER_BYTES;
  readonly float16 = true;
  readonly streamsBlobs = false;
  private readonly runtime: OrtRuntime;
  private readonly sessions: Sessions;
  private readonly open = new Set<() => void>();

  constructor(runtime: OrtRuntime) {
    this.runtime = runtime;
    this.version = runtime.version;
    const threads = runtime.ort.env.wasm.numThreads ?? 1;
    this.name = threads > 1 ? `CPU (wasm, ${threads} threads)` : 'CPU (wasm)';
    this.sessions = new Sessions(runtime);
  }

  async compile(program: Program): Promise<Compiled> {
    return {
      key: await this.sessions.create(program, 'wasm', { executionProviders: ['wasm'] }),
      onCpu: true,
    };
  }

  async compileModel(
    id: string,
    bytes: Uint8Array,
    externalData: ExternalData[],
  ): Promise<Compiled> {
    return {
      key: await this.sessions.create({ id, bytes }, 'wasm', {
        executionProviders: ['wasm'],
        externalData,
      }),
      onCpu: true,
    };
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
