// The GPU device: a GPUDevice and buffers of our own under ONNX Runtime's native WebGPU provider.
// Which routes are trusted is up to the self-test.

import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { EspalierError } from '../../errors.ts';
import type { ElementType, Program } from '../../model/programs/program.ts';
import { describeAdapter, findAdapter, requestDevice } from './adapter.ts';
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
import { GpuBuffers, type PooledBuffer } from './gpuBuffers.ts';
import { GpuFailure } from './gpuFailure.ts';
import { GpuTensor } from './gpuTensor.ts';
import { byteSize, count, elements, fromOrt, type HostTensor, toOrt } from './host.ts';
import { Ledger, type Purpose } from './ledger.ts';
import { loadOrt, type OrtBuild, type OrtLoader, type OrtRuntime, type WasmBuild } from './ort.ts';
import { Readbacks } from './readback.ts';
import { type Guard, Sessions } from './sessions.ts';

/**
 * Runs that may be under way on the GPU before the next one is submitted: enough to hide latency,
 * few enough to cancel.
 */
const QUEUE_DEPTH = 2;

/** Element types that ONNX Runtime binds from GPU buffers and that WebGPU kernels read. */
const ON_GPU: ReadonlySet<ElementType> = new Set<ElementType>([
  'float32',
  'float16',
  'uint8',
  'int4',
  'uint4',
]);
/**
 * Operators without a WebGPU kernel that read 8-bit weights: such weights stay in ordinary memory.
 */
const CPU_INTEGER_OPS = [
  'MatMulInteger',
  'DynamicQuantizeMatMul',
  'MatMulIntegerToFloat',
  'ConvInteger',
  'QLinearMatMul',
];

/** JSPI where the browser has it, else asyncify. */
export function gpuBuild(): WasmBuild {
  return 'Suspending' in WebAssembly ? 'jspi' : 'asyncify';
}

/**
 * Opens the GPU. `subgroups` only where the self-test has found them correct.
 * @throws EspalierError `no-webgpu` without an adapter or device.
 */
export async function openWebgpu(
  loader: OrtLoader,
  options: { subgroups?: boolean } = {},
): Promise<WebgpuEngine> {
  const adapter = await findAdapter(loader);
  if (!adapter)
    throw new EspalierError(
      'no-webgpu',
      'This browser or machine has no WebGPU adapter.',
      'Use the CPU (wasm), or a recent Chrome or Edge with hardware acceleration on.',
    );
  const runtime = await loadOrt(loader, gpuBuild());
  const device = await requestDevice(adapter, { subgroups: options.subgroups ?? false });
  return new WebgpuEngine(runtime, device, describeAdapter(adapter).name);
}

export class WebgpuEngine implements Engine {
  readonly kind = 'webgpu';
  readonly name: string;
  readonly package = 'onnxruntime-web';
  readonly build: OrtBuild;
  readonly version: string;
  readonly ledger = new Ledger();
  readonly maxBufferBytes: number;
  readonly maxGraphBytes = Number.POSITIVE_INFINITY;
  readonly loadCopies = 1;
  readonly diskCopies = null;
  readonly onHost = false;
  readonly float16: boolean;
  readonly feedsNibbles = true;
  readonly streamsBlobs: boolean;
  readonly device: GPUDevice;
  private readonly runtime: OrtRuntime;
  private readonly sessions: Sessions;
  private readonly buffers: GpuBuffers;
  private readonly failure: GpuFailure;
  private readonly guard: Guard = (work) => this.failure.guard(work);
  private readonly readbacks: Readbacks;
  private readonly underWay: Promise<unknown>[] = [];

  constructor(runtime: OrtRuntime, device: GPUDevice, name: string) {
    this.runtime = runtime;
    this.device = device;
    this.name = name;
    this.build = runtime.build;
    this.version = runtime.version;
    this.float16 = device.features.has('shader-f16');
    this.maxBufferBytes = Math.min(
      device.limits.maxBufferSize,
      device.limits.maxStorageBufferBindingSize,
    );
    this.sessions = new Sessions(runtime);
    this.buffers = new GpuBuffers(device, this.ledger);
    this.readbacks = new Readbacks(device, this.ledger);
    this.streamsBlobs = this.build === 'jspi';
    this.failure = new GpuFailure(device);
  }

  async compile(program: Program, options: { cpu?: boolean } = {}): Promise<Compiled> {
    this.failure.throwIfFailed();
    const onCpu = options.cpu ?? false;
    const key = await this.sessions.create(program, onCpu ? 'cpu' : 'webgpu', {
      executionProviders: onCpu ? ['wasm'] : [this.provider()],
    });
    return { key, onCpu };
  }

  async compileModel(
    id: string,
    bytes: Uint8Array,
    externalData: ExternalData[],
  ): Promise<Compiled> {
    this.failure.throwIfFailed();
    return {
      key: await this.sessions.create({ id, bytes }, 'webgpu', {
        executionProviders: [this.provider()],
        externalData,
      }),
      onCpu: false,
    };
  }

  async captureObstacle(
    id: string,
    bytes: Uint8Array,
    externalData: ExternalData[],
  ): Promise<string | null> {
    this.failure.throwIfFailed();
    const options = {
      executionProviders: [this.provider()],
      externalData,
      enableGraphCapture: true,
    };
    try {
      await this.sessions.release([await this.sessions.create({ id, bytes }, 'capture', options)]);
      return null;
    } catch (error) {
      if (
        !(error instanceof EspalierError) ||
        error.code === 'device-lost' ||
        error.code === 'out-of-memory'
      )
        throw error;
      const words = (error.detail || error.message)
        .replace(/^.*ERROR_MESSAGE:/s, '')
        .replace(/\s+/g, ' ');
      return `ONNX Runtime says "${words.trim()}".`;
    }
  }

  allocate(bytes: number, purpose: Purpose, label: string): DeviceBuffer {
    this.failure.throwIfFailed();
    const buffer = this.buffers.create(bytes, purpose, label);
    return {
      bytes,
      write: (offset, data) =>
        this.device.queue.writeBuffer(
          buffer.gpu,
          offset,
          data.byteLength % 4 === 0 ? data : padded(data),
        ),
      view: (type, dims) => new GpuTensor(this.runtime, buffer.gpu, type, dims, () => {}),
      free: buffer.free,
    };
  }

  keepsOnHost(type: ElementType, program: Program): boolean {
    if (!ON_GPU.has(type)) return true;
    return type === 'uint8' && CPU_INTEGER_OPS.some((op) => op in program.ops);
  }

  slice(tensor: DeviceTensor, start: number, dims: readonly number[]): DeviceTensor {
    if (!(tensor instanceof GpuTensor))
      throw new EspalierError('bug', 'A slice was asked of a tensor that is not on the GPU.');
    const bytes = byteSize(tensor.type, dims);
    const copy = this.buffers.create(bytes, 'scratch', 'slice of a hidden state');
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(tensor.buffer, byteSize(tensor.type, [start]), copy.gpu, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    return this.view(copy, tensor.type, dims);
  }

  async run(
    compiled: Compiled,
    feeds: ReadonlyMap<string, Feed>,
    keep: ReadonlyMap<string, Shape>,
  ): Promise<RunOutputs> {
    this.failure.throwIfFailed();
    const inputs: Record<string, Tensor> = {};
    for (const [name, feed] of feeds)
      inputs[name] = 'tensor' in feed ? feed.tensor : toOrt(this.runtime, feed);
    const outputs: RunOutputs = { device: new Map(), host: new Map() };
    const fetches: Record<string, Tensor | null> = {};
    for (const name of (await this.sessions.names(compiled.key)).outputs) {
      const shape = compiled.onCpu ? undefined : keep.get(name);
      const tensor =
        shape && count(shape.dims) > 0
          ? this.view(
              this.buffers.create(byteSize(shape.type, shape.dims), 'hidden', name),
              shape.type,
              shape.dims,
            )
          : null;
      fetches[name] = tensor?.tensor ?? null;
      if (tensor) outputs.device.set(name, tensor);
    }
    try {
      while (this.underWay.length >= QUEUE_DEPTH)
        await this.guard(Promise.resolve(this.underWay.shift()));
      const results = await this.sessions.run(compiled.key, inputs, fetches, this.guard);
      for (const [name, tensor] of Object.entries(results))
        if (!outputs.device.has(name)) outputs.host.set(name, fromOrt(tensor));
      if (!compiled.onCpu) this.underWay.push(this.device.queue.onSubmittedWorkDone());
      this.failure.throwIfFailed();
      return outputs;
    } catch (error) {
      for (const tensor of outputs.device.values()) tensor.free();
      throw this.failure.reason ?? error;
    }
  }

  async read(tensor: DeviceTensor): Promise<HostTensor> {
    if (!(tensor instanceof GpuTensor)) return fromOrt(tensor.tensor);
    const bytes = new Uint8Array(byteSize(tensor.type, tensor.dims));
    await this.readSpans(tensor, [{ offset: 0, length: bytes.length }], bytes);
    return { type: tensor.type, dims: tensor.dims, data: elements(tensor.type, bytes) };
  }

  async readSpans(
    tensor: DeviceTensor,
    spans: readonly ByteSpan[],
    target: Uint8Array,
  ): Promise<void> {
    if (!(tensor instanceof GpuTensor))
      throw new EspalierError('bug', 'Bytes were read back from a tensor that is not on the GPU.');
    this.failure.throwIfFailed();
    try {
      await this.readbacks.read(tensor.buffer, spans, target, this.guard);
    } catch (error) {
      throw this.failure.reason ?? error;
    }
    this.failure.throwIfFailed();
  }

  async direct(compiled: Compiled): Promise<DirectRunner> {
    const runner = await this.sessions.direct(compiled.key, this.guard);
    const run = runner.run.bind(runner);
    runner.run = async (feeds, fetches) => {
      this.failure.throwIfFailed();
      try {
        const results = await run(feeds, fetches);
        this.failure.throwIfFailed();
        return results;
      } catch (error) {
        throw this.failure.reason ?? error;
      }
    };
    return runner;
  }

  wrap(host: HostTensor): Tensor {
    return toOrt(this.runtime, host);
  }

  async settled(): Promise<void> {
    this.underWay.length = 0;
    await this.guard(this.device.queue.onSubmittedWorkDone());
    this.failure.throwIfFailed();
  }

  async check(): Promise<void> {
    await this.guard(this.buffers.check());
    // Bytes of writeBuffer wait in staging memory until the queue has taken them.
    await this.settled();
  }

  async release(compiled: readonly Compiled[]): Promise<void> {
    await this.sessions.release(compiled.map(({ key }) => key));
  }

  trim(): void {
    this.buffers.trim();
    this.readbacks.trim();
  }

  async dispose(): Promise<void> {
    this.failure.ignore();
    await this.sessions.release();
    this.readbacks.trim();
    this.buffers.dispose();
    this.device.destroy();
  }

  private provider(): InferenceSession.ExecutionProviderConfig {
    return {
      name: 'webgpu',
      device: this.device,
    } as InferenceSession.WebGpuExecutionProviderOption;
  }

  private view(buffer: PooledBuffer, type: ElementType, dims: readonly number[]): GpuTensor {
    return new GpuTensor(this.runtime, buffer.gpu, type, dims, buffer.free);
  }
}

function padded(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
  out.set(data);
  return out;
}
