// ONNX Runtime in a browser worker: wasm files as hashed assets of the site. Not for Node.

import asyncifyUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiUrl from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import plainUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type { OrtLoader, OrtModule, WasmBuild } from './ort.ts';

/** Threads beyond four slow small matrices down; two cores are left to the page. */
const MAX_THREADS = 4;

const WASM_URL: Record<WasmBuild, string> = {
  plain: plainUrl,
  jspi: jspiUrl,
  asyncify: asyncifyUrl,
};

/** Loads a build by dynamic import, so that only one chunk and one wasm file are downloaded. */
export const webLoader: OrtLoader = {
  async load(build) {
    const ort = await importBuild(build);
    ort.env.wasm.wasmPaths = { wasm: new URL(WASM_URL[build], globalThis.location.href).href };
    ort.env.wasm.numThreads = build === 'plain' ? threads() : 1;
    ort.env.logLevel = 'error';
    return ort;
  },
  gpu: async () => (globalThis.navigator as Navigator & { gpu?: GPU }).gpu ?? null,
};

function importBuild(build: WasmBuild): Promise<OrtModule> {
  if (build === 'plain') return import('onnxruntime-web/wasm');
  return build === 'jspi' ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu');
}

function threads(): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(MAX_THREADS, navigator.hardwareConcurrency - 2));
}
