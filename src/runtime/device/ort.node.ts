// ONNX Runtime inside Node, for the command line and the tests: the wasm builds of onnxruntime-web,
// and onnxruntime-node where it is installed. Not for the page or workers.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OrtLoader, OrtModule, WasmBuild } from './ort.ts';

const require = createRequire(import.meta.url);

/**
 * The bare package resolves to another build in Node, so the files are named. JSPI is not in Node
 * 20: asyncify stands in.
 */
const MODULE: Record<WasmBuild, string> = {
  plain: 'ort.wasm.min.mjs',
  jspi: 'ort.webgpu.min.mjs',
  asyncify: 'ort.webgpu.min.mjs',
};
/** The plain build for Node, which alone can start threads there. */
const THREADED = 'ort.node.min.mjs';
const WASM: Record<WasmBuild, string> = {
  plain: 'ort-wasm-simd-threaded.wasm',
  jspi: 'ort-wasm-simd-threaded.asyncify.wasm',
  asyncify: 'ort-wasm-simd-threaded.asyncify.wasm',
};

export interface NodeLoaderOptions {
  /**
   * Threads of the CPU devices; by default one for each core natively, and one in wasm. A process
   * has one number of wasm threads beside 1: that of the first loader that asks for more.
   */
  threads?: number | undefined;
}

/**
 * Loads a build from node_modules; native ONNX Runtime where the optional package onnxruntime-node
 * is installed; WebGPU through the optional `webgpu` package (Dawn) when it finds an adapter.
 */
export function createNodeLoader({ threads }: NodeLoaderOptions = {}): OrtLoader {
  return {
    async load(build) {
      const wasmThreads = build === 'plain' ? (threads ?? 1) : 1;
      const dist = dirname(require.resolve('onnxruntime-web/wasm'));
      const file = wasmThreads > 1 ? THREADED : MODULE[build];
      const ort = (await import(
        /* @vite-ignore */ pathToFileURL(join(dist, file)).href
      )) as OrtModule;
      ort.env.wasm.wasmPaths = `${pathToFileURL(dist).href}/`;
      const bytes = await readFile(join(dist, WASM[build]));
      ort.env.wasm.wasmBinary = bytes.buffer.slice(
        bytes.byteOffset,
        bytes.byteOffset + bytes.byteLength,
      );
      ort.env.wasm.numThreads = wasmThreads;
      ort.env.logLevel = 'error';
      return ort;
    },
    async native() {
      // Its builds report how they are used to their maker unless this is set before they load.
      process.env.ORT_DISABLE_TELEMETRY = '1';
      // The package is optional: it is looked for when it is asked for.
      const ort = require('onnxruntime-node') as OrtModule;
      ort.env.logLevel = 'fatal';
      return ort;
    },
    threads: threads ?? availableParallelism(),
    gpu: () => dawn(),
  };
}

/** The loader of tests and scripts. */
export const nodeLoader: OrtLoader = createNodeLoader();

let gpuOnce: Promise<GPU | null> | null = null;

function dawn(): Promise<GPU | null> {
  gpuOnce ??= startDawn().catch(() => null);
  return gpuOnce;
}

async function startDawn(): Promise<GPU | null> {
  const { create, globals } = (await import('webgpu')) as {
    create(options: string[]): GPU;
    globals: object;
  };
  Object.assign(globalThis, globals);
  const gpu = create([]);
  // ONNX Runtime reads navigator.gpu itself; Node 21+ has a read-only navigator, Node 20 has none.
  const holder: object = globalThis.navigator ?? {};
  Object.defineProperty(holder, 'gpu', { value: gpu, configurable: true });
  if (!globalThis.navigator)
    Object.defineProperty(globalThis, 'navigator', { value: holder, configurable: true });
  copySharedWrites();
  keepEventLoop();
  return gpu;
}

/**
 * Dawn's promises do not count as work for Node's event loop. When it finds none it waits for all
 * background threads, which compile ONNX Runtime's wasm once more, for up to minutes: a timer that
 * never comes keeps it turning. Processes with a GPU end by `process.exit`.
 */
function keepEventLoop(): void {
  setInterval(() => {}, 2 ** 31 - 1);
}

/**
 * Dawn's writeBuffer refuses views on shared memory (the wasm heap): such bytes are copied first.
 */
function copySharedWrites(): void {
  const queue = GPUQueue.prototype;
  const write = queue.writeBuffer;
  queue.writeBuffer = function (buffer, bufferOffset, data, dataOffset, size) {
    const backing = ArrayBuffer.isView(data) ? data.buffer : data;
    if (!(backing instanceof SharedArrayBuffer))
      return write.call(this, buffer, bufferOffset, data as ArrayBuffer, dataOffset, size);
    const start = ArrayBuffer.isView(data) ? data.byteOffset : 0;
    const unit =
      ArrayBuffer.isView(data) && 'BYTES_PER_ELEMENT' in data ? Number(data.BYTES_PER_ELEMENT) : 1;
    const from = start + (dataOffset ?? 0) * unit;
    const length = size === undefined ? data.byteLength - (dataOffset ?? 0) * unit : size * unit;
    const copy = new Uint8Array(length);
    copy.set(new Uint8Array(backing, from, length));
    return write.call(this, buffer, bufferOffset, copy);
  };
}
