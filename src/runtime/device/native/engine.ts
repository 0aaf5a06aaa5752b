// The CPU device of Node: native ONNX Runtime, on as many threads as the machine has cores.

import type { InferenceSession } from 'onnxruntime-web';
import { toReport } from '../../../errors.ts';
import { HostEngine } from '../hostEngine.ts';
import { loadOrt, type OrtLoader } from '../ort.ts';

/** The longest typed array of Node 20. */
const MAX_BUFFER_BYTES = 2 ** 32;

/**
 * The native CPU device. @throws EspalierError `bad-input` where its package is not installed or
 * does not run.
 */
export async function openNative(loader: OrtLoader): Promise<HostEngine> {
  const runtime = await loadOrt(loader, 'native');
  const threads = loader.threads ?? 1;
  return new HostEngine(runtime, {
    kind: 'cpu',
    name: `CPU (native, ${threads} ${threads === 1 ? 'thread' : 'threads'})`,
    maxBufferBytes: MAX_BUFFER_BYTES,
    maxGraphBytes: Number.POSITIVE_INFINITY,
    // The binding of onnxruntime-node makes no tensors of them.
    feedsNibbles: false,
    // The bytes that are given, ONNX Runtime's copy, and the weights packed for its kernels.
    loadCopies: 3,
    diskCopies: 1.5,
    sessionOptions: nativeOptions(threads),
  });
}

/** Why there is no native CPU device, as a sentence; null where there is one. */
export async function nativeObstacle(loader: OrtLoader): Promise<string | null> {
  try {
    await loadOrt(loader, 'native');
    return null;
  } catch (error) {
    return toReport(error).message;
  }
}

/**
 * Each session has threads of its own: those of one that has run must not spin while the next one
 * runs.
 */
function nativeOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}
