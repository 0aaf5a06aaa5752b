// ONNX Runtime as the workers of the page load it: with as many threads as have been measured to be
// fastest here. The measurement is made once for all workers and remembered.

import type { ThreadMeasurement } from '../contract/device.ts';
import { recallSelfTest, rememberSelfTest } from '../files/rememberedValues.ts';
import { makeWebLoader } from '../runtime/device/ort.web.ts';
import { asThreadMeasurement, measureThreads } from '../runtime/device/threads.ts';
import { VERSION } from '../version.ts';

/**
 * Increased when the measurement changes, so that remembered results of older ones are not used.
 */
const REVISION = 1;
/** Another week, another state of the machine, ms. */
const KEPT_MS = 7 * 24 * 3600 * 1000;
/** A worker that has not answered by then counts as one that did not start, ms. */
const PATIENCE_MS = 10_000;

let once: Promise<ThreadMeasurement | null> | null = null;

export const browserLoader = makeWebLoader(() => {
  once ??= threadMeasurement().catch(() => null);
  return once;
});

async function threadMeasurement(): Promise<ThreadMeasurement | null> {
  const cores = navigator.hardwareConcurrency;
  if (!self.crossOriginIsolated || !(cores > 1)) return null;
  const key = `threads | ${cores} cores | Espalier ${VERSION} | ${REVISION}`;
  // One worker measures, the others wait for its result.
  return navigator.locks.request('espalier threads', async () => {
    const kept = (await recallSelfTest(key)) as { at: number; found: unknown } | null;
    const known = asThreadMeasurement(kept?.found ?? null);
    if (known && kept && Date.now() - kept.at < KEPT_MS) return known;
    const found = await measureThreads(cores, timeInWorker);
    if (found) await rememberSelfTest(key, { at: Date.now(), found });
    return found;
  });
}

function timeInWorker(threads: number): Promise<number | null> {
  const worker = new Worker(new URL('./threadTimer.ts', import.meta.url), { type: 'module' });
  return new Promise<number | null>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<number | null>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(null);
    };
    setTimeout(resolve, PATIENCE_MS, null);
    worker.postMessage(threads);
  }).finally(() => worker.terminate());
}
