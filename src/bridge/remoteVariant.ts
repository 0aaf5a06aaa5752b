// A variant in a worker of its own, as a handle. Closing it ends the worker and frees its memory.

import { type Remote, releaseProxy, wrap } from 'comlink';
import type { Progress } from '../contract/progress.ts';
import type {
  VariantApi,
  VariantHandle,
  VariantInfo,
  VariantRequest,
} from '../contract/variant.ts';
import { cancelled, EspalierError, throwIfCancelled } from '../errors.ts';
import { FailureGuard } from '../failureGuard.ts';
import { call, type RemoteMethods } from './wire.ts';

export function spawnVariantWorker(): Worker {
  return new Worker(new URL('../worker/variant.ts', import.meta.url), {
    type: 'module',
    name: 'espalier-variant',
  });
}

/**
 * Starts a worker and loads the variant in it. The worker ends with `close`, with the signal, and
 * when loading fails.
 * @throws EspalierError as `VariantApi.load`; `cancelled` after the signal or `close`; `bug` when
 *   the worker dies
 */
export async function openRemote(
  spawn: () => Worker,
  request: VariantRequest,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<VariantHandle> {
  throwIfCancelled(signal);
  const worker = spawn();
  const remote: Remote<RemoteMethods> = wrap<RemoteMethods>(worker);
  const failure = new FailureGuard();
  let ended = false;
  const end = (): void => {
    // A released proxy throws at every call.
    if (ended) return;
    ended = true;
    signal.removeEventListener('abort', end);
    worker.terminate();
    // Comlink holds the worker for as long as the proxy lives, and this listener and unanswered
    // calls would keep the proxy alive through it.
    worker.onerror = null;
    remote[releaseProxy]();
    // No more answers come from a terminated worker: calls that wait for one are rejected.
    failure.declare(cancelled());
  };
  signal.addEventListener('abort', end);
  worker.onerror = (event) => {
    event.preventDefault();
    failure.declare(
      new EspalierError(
        'bug',
        'The measuring worker stopped unexpectedly.',
        'Measure again.',
        event.message ?? '',
      ),
    );
    end();
  };
  const ask = <K extends keyof VariantApi>(
    name: K,
    ...args: Parameters<VariantApi[K]>
  ): ReturnType<VariantApi[K]> =>
    failure.guard(call(remote, name, args)) as ReturnType<VariantApi[K]>;
  let info: VariantInfo;
  try {
    info = await ask('load', request, onProgress);
  } catch (error) {
    end();
    throw error;
  }
  return {
    info,
    encode: (prompt) => ask('encode', prompt),
    run: (shape) => ask('run', shape),
    begin: (start) => ask('begin', start),
    advance: (ms) => ask('advance', ms),
    close: async () => end(),
  };
}
