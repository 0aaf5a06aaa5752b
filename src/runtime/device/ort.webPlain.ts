// ONNX Runtime's build for the CPU in a browser worker: the one that takes several threads.

import plainModuleUrl from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type { OrtModule } from './ort.ts';

/** The build, to run on so many threads; more than one needs a page that is isolated. */
export async function loadPlain(threads: number): Promise<OrtModule> {
  const ort: OrtModule = await import('onnxruntime-web/wasm');
  ort.env.wasm.wasmPaths = {
    wasm: absolute(plainUrl),
    // A thread starts from the file of the module that made it. A chunk of this site imports other
    // chunks, a worker's own code among them: threads get a file that stands alone.
    mjs: absolute(plainModuleUrl),
  };
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  return ort;
}

const absolute = (url: string): string => new URL(url, globalThis.location.href).href;
