// Loads the wasm build of ONNX Runtime Web in Node for tests of model/; the product's loader is in
// runtime/.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Ort from 'onnxruntime-web/wasm';

let loaded: Promise<typeof Ort> | null = null;

/** The plain wasm build, one thread, loaded once. */
export function runtime(): Promise<typeof Ort> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<typeof Ort> {
  const dist = dirname(
    createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'),
  );
  const ort: typeof Ort = await import(pathToFileURL(join(dist, 'ort.wasm.min.mjs')).href);
  ort.env.wasm.wasmPaths = `${pathToFileURL(dist).href}/`;
  ort.env.wasm.wasmBinary = new Uint8Array(
    readFileSync(join(dist, 'ort-wasm-simd-threaded.wasm')),
  ).buffer;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return ort;
}
