// The CPU device that every browser has: ONNX Runtime's plain wasm build.

import { HostEngine } from './hostEngine.ts';
import { loadOrt, type OrtLoader, type WasmBuild } from './ort.ts';

/** Typed arrays above this size are refused by some engines; the wasm heap ends at 4 GiB anyway. */
const MAX_BUFFER_BYTES = 2 ** 31 - 1;
/** One session cannot load more: weights, and what a run adds to them, lie in the wasm heap. */
const MAX_GRAPH_BYTES = 3.5 * 2 ** 30;

/** Limits of the wasm device: those of one typed array; its kernels take float16. */
export const WASM_LIMITS = {
  maxBufferBytes: MAX_BUFFER_BYTES,
  maxGraphBytes: MAX_GRAPH_BYTES,
  features: ['shader-f16'],
} as const;

/**
 * The wasm device. Other builds than the plain one have one thread and lack some kernels: they are
 * for timing, where a plain one need not be loaded.
 * @throws EspalierError `bug` when ONNX Runtime cannot be loaded.
 */
export async function openWasm(loader: OrtLoader, build: WasmBuild = 'plain'): Promise<HostEngine> {
  const runtime = await loadOrt(loader, build);
  const threads = runtime.ort.env.wasm.numThreads ?? 1;
  return new HostEngine(runtime, {
    kind: 'wasm',
    name: threads > 1 ? `CPU (wasm, ${threads} threads)` : 'CPU (wasm)',
    maxBufferBytes: MAX_BUFFER_BYTES,
    feedsNibbles: true,
    maxGraphBytes: MAX_GRAPH_BYTES,
    // The files lie in memory while they are copied into the heap.
    loadCopies: 2,
    diskCopies: null,
    sessionOptions: { executionProviders: ['wasm'] },
  });
}
