// The page side of the runtime checks: forwards calls of the tests to a worker.

import type { RuntimeCall, RuntimeReply } from './runtimeWorker.ts';

declare global {
  interface Window {
    /** One call of a check in the worker; rejects with the worker's error. */
    runtimeCheck(call: RuntimeCall): Promise<unknown>;
  }
}

const worker = new Worker(new URL('./runtimeWorker.ts', import.meta.url), { type: 'module' });

window.runtimeCheck = (call) =>
  new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<RuntimeReply>) =>
      data.ok ? resolve(data.value) : reject(new Error(data.error));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(call);
  });
