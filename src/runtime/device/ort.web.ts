// ONNX Runtime in a browser worker: wasm files as hashed assets of the site. Not for Node.

import asyncifyUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiUrl from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import type { ThreadMeasurement } from '../../contract/device.ts';
import type { OrtLoader, OrtModule } from './ort.ts';
import { loadPlain } from './ort.webPlain.ts';

/**
 * Loads a build by dynamic import, so that only one chunk and one wasm file are downloaded.
 * @param threadMeasurement is asked once the plain build is needed; it gets one thread where that
 * is null. WebGPU needs no more than one.
 */
export function makeWebLoader(
  threadMeasurement: () => Promise<ThreadMeasurement | null>,
): OrtLoader {
  return {
    async load(build) {
      if (build === 'plain') return loadPlain((await threadMeasurement())?.threads ?? 1);
      const ort: OrtModule = await (build === 'jspi'
        ? import('onnxruntime-web/jspi')
        : import('onnxruntime-web/webgpu'));
      const url = build === 'jspi' ? jspiUrl : asyncifyUrl;
      ort.env.wasm.wasmPaths = { wasm: new URL(url, globalThis.location.href).href };
      ort.env.wasm.numThreads = 1;
      ort.env.logLevel = 'error';
      return ort;
    },
    gpu: async () => (globalThis.navigator as Navigator & { gpu?: GPU }).gpu ?? null,
    threadMeasurement,
    mostThreads: () => (globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1),
  };
}

/** One thread on the CPU (wasm). */
export const webLoader: OrtLoader = makeWebLoader(async () => null);
