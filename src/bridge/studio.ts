// The page's end of the studio worker: calls, cancel with a deadline, and replacement of a worker
// that died or hangs.

import { type Remote, wrap } from 'comlink';
import { inBrowser } from '../contract/device.ts';
import type { OpenRequest } from '../contract/open.ts';
import type { ScoreSettings } from '../contract/score.ts';
import { METHODS, type StudioApi } from '../contract/studio.ts';
import { cancelled, type ErrorReport, EspalierError, toReport } from '../errors.ts';
import { FailureGuard } from '../failureGuard.ts';
import { call, incoming, type RemoteMethods } from './wire.ts';

/** How long a cancelled job may still run before its worker is replaced, ms. */
const CANCEL_DEADLINE_MS = 2000;

export interface Studio {
  api: StudioApi;
  /**
   * Called after the worker died or was replaced; the open model and the windows are restored with
   * the next call.
   */
  onReplaced(listener: (error: ErrorReport) => void): void;
  dispose(): void;
}

/** Errors after which the worker's device or heap is unusable: a fresh worker is started. */
const FATAL = new Set(['device-lost', 'out-of-memory']);

/** Calls that a cancel ends, also while they wait for their worker. */
const isJob = (name: keyof StudioApi): boolean => 'job' in METHODS[name];

export function createStudio(spawn: () => Worker = spawnStudioWorker): Studio {
  const listeners: ((error: ErrorReport) => void)[] = [];
  let worker: Worker | null = null;
  let remote: Remote<RemoteMethods> | null = null;
  /** Rejects the calls of the current worker when it dies. */
  let failure = new FailureGuard();
  let lastOpen: OpenRequest | null = null;
  let lastWindows: Parameters<StudioApi['useWindows']> | null = null;
  /** Memory budget of the last score: plans in a new worker keep to it. */
  let lastBudget: number | undefined;
  /**
   * Resolves when the model of a replaced worker is open again; calls wait for it, except an open,
   * which takes its place.
   */
  let restored: Promise<unknown> = Promise.resolve();
  let opens = 0;
  let cancels = 0;
  /** The worker that holds the last opened model. */
  let holder: Remote<RemoteMethods> | null = null;
  const running = new Set<Promise<unknown>>();

  function start(restore: boolean): Remote<RemoteMethods> {
    const spawned = spawn();
    worker = spawned;
    failure = new FailureGuard();
    spawned.onerror = (event) => {
      event.preventDefault();
      // A late error of a replaced worker must not end its successor.
      if (worker !== spawned) return;
      replace(
        new EspalierError(
          'bug',
          'The worker stopped unexpectedly.',
          'It has been started again; repeat the last step.',
          event.message ?? '',
        ),
      );
    };
    remote = wrap<RemoteMethods>(spawned);
    restored = restore && lastOpen ? reopen(remote, lastOpen, lastWindows) : Promise.resolve();
    restored.catch(() => {});
    return remote;
  }

  /**
   * A restore that fails ends its worker, so that the next call tries again; one that was overtaken
   * by an open is ignored.
   */
  async function reopen(
    fresh: Remote<RemoteMethods>,
    request: OpenRequest,
    windows: typeof lastWindows,
  ): Promise<void> {
    const turn = opens;
    try {
      await call(fresh, 'open', [request, () => {}]);
      if (turn !== opens) return;
      if (windows)
        await call(fresh, 'useWindows', [windows[0], windows[1], windows[2] ?? lastBudget]);
      holder = fresh;
    } catch (error) {
      if (turn !== opens) return;
      if (remote === fresh) {
        worker?.terminate();
        worker = null;
        remote = null;
      }
      throw error;
    }
  }

  function replace(error: EspalierError): void {
    worker?.terminate();
    worker = null;
    remote = null;
    failure.declare(error);
    for (const listener of listeners) listener(toReport(error));
  }

  async function invoke(name: keyof StudioApi, args: readonly unknown[]): Promise<unknown> {
    const opening = name === 'open';
    const target = remote ?? start(!opening);
    if (opening) {
      opens += 1;
      restored = Promise.resolve();
    } else {
      const before = cancels;
      await failure.guard(restored);
      if (cancels !== before && isJob(name)) throw cancelled();
    }
    const turn = opens;
    const answer = failure.guard(call(target, name, args));
    if (!('waits' in METHODS[name])) running.add(answer);
    try {
      const value = await answer;
      if (turn === opens) remember(name, args, value);
      if (opening && (value as { kind: string }).kind === 'opened') holder = target;
      return value;
    } catch (error) {
      if (error instanceof EspalierError && FATAL.has(error.code) && remote === target)
        replace(error);
      throw error;
    } finally {
      running.delete(answer);
      // An open that opened nothing (refused, or a choice of graphs) took the place of a restore,
      // which is done now.
      if (opening && turn === opens && remote === target && holder !== target && lastOpen) {
        restored = reopen(target, lastOpen, lastWindows);
        restored.catch(() => {});
      }
    }
  }

  function remember(name: keyof StudioApi, args: readonly unknown[], value: unknown): void {
    if (name === 'open' && (value as { kind: string }).kind === 'opened') {
      lastOpen = args[0] as OpenRequest;
      lastWindows = null;
    }
    if (name === 'useWindows') lastWindows = args as Parameters<StudioApi['useWindows']>;
    if (name === 'score') {
      const result = value as Awaited<ReturnType<StudioApi['score']>>;
      lastWindows = [result.windows, inBrowser(result.device.kind)];
      lastBudget = (args[0] as ScoreSettings).budgetBytes;
    }
  }

  async function cancel(): Promise<void> {
    const target = remote;
    cancels += 1;
    if (!target || running.size === 0) return;
    const jobs = [...running];
    void call(target, 'cancel', []).catch(() => {});
    const deadline = new Promise<'late'>((resolve) =>
      setTimeout(resolve, CANCEL_DEADLINE_MS, 'late'),
    );
    const ended = await Promise.race([Promise.allSettled(jobs), deadline]);
    if (ended === 'late' && remote === target && jobs.some((job) => running.has(job)))
      replace(cancelled());
  }

  const api: StudioApi = { ...incoming<StudioApi>(METHODS, invoke), cancel };

  return {
    api,
    onReplaced: (listener) => void listeners.push(listener),
    dispose: () => {
      worker?.terminate();
      worker = null;
      remote = null;
    },
  };
}

function spawnStudioWorker(): Worker {
  return new Worker(new URL('../worker/studio.ts', import.meta.url), {
    type: 'module',
    name: 'espalier-studio',
  });
}
