// ONNX Runtime in a browser worker: wasm files as hashed assets of the site. Not for Node.

import asyncifyUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiUrl from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import plainModuleUrl from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type { ThreadMeasurement } from '../../contract/device.ts';
import type { OrtLoader, OrtModule, WasmBuild } from './ort.ts';

const WASM_URL: Record<WasmBuild, string> = {
  plain: plainUrl,
  jspi: jspiUrl,
  asyncify: asyncifyUrl,
};

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
      const ort = await importBuild(build);
      ort.env.wasm.wasmPaths = { wasm: absolute(WASM_URL[build]) };
      ort.env.wasm.numThreads = 1;
      if (build === 'plain') {
        // A thread starts from the file of the module that made it. A chunk of this site imports
        // other chunks, a worker's own code among them: threads get a file that stands alone.
        ort.env.wasm.wasmPaths.mjs = absolute(plainModuleUrl);
        ort.env.wasm.numThreads = (await threadMeasurement())?.threads ?? 1;
      }
      ort.env.logLevel = 'error';
      return ort;
    },
    gpu: async () => (globalThis.navigator as Navigator & { gpu?: GPU }).gpu ?? null,
    threadMeasurement,
  };
}

/** One thread on the CPU (wasm). */
export const webLoader: OrtLoader = makeWebLoader(async () => null);

const absolute = (url: string): string => new URL(url, globalThis.location.href).href;

function importBuild(build: WasmBuild): Promise<OrtModule> {
  if (build === 'plain') return import('onnxruntime-web/wasm');
  return build === 'jspi' ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu');
}
