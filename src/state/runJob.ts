// Runs one engine job from start to end: the one place that decides whether its events, its result
// and its error may still change the page.

import type { Progress } from '../contract/progress.ts';
import { isCancelled } from '../errors.ts';
import { batchEvents } from './batchEvents.ts';
import type { Context } from './context.ts';
import { engineJob } from './jobs.ts';
import { type EngineJob, JOBS } from './state.ts';

type ProgressEvent = { type: 'progress'; progress: Progress };

/** What a running job may do with the page. */
export interface Run<E> {
  /** Hand events of the engine to it; they reach `follow` in batches. */
  onEvent(event: E): void;
  /** Hands over the events that still wait, before a job of several calls makes the next one. */
  flush(): void;
  /** False once another model was opened: then nothing of this run may change the page. */
  isCurrent(): boolean;
}

export interface JobSteps<E extends { type: string }, R> {
  /** Announced at the start; '' says nothing. */
  started: string;
  /** Makes the slice say that the job runs. */
  start(): void;
  /** Asks the engine. */
  call(run: Run<E | ProgressEvent>): Promise<R>;
  /** Takes events in order; `progress` is the newest of them, for a patch. */
  follow?(events: readonly E[], progress: { progress?: Progress }): void;
  /** Takes the result. @returns what is announced */
  take(result: R): string;
  /** After an error or a cancel: keeps what had come. @returns what is announced of a cancel */
  stop(wasCancelled: boolean): string;
  /** What remains to be done before the engine is free, however the job ended. */
  settle?(run: Pick<Run<never>, 'isCurrent'>): Promise<void>;
  /** Makes the slice say that the job no longer runs. */
  end(): void;
}

/**
 * Does nothing while no model is open or another job runs. Errors are shown at the place of the
 * job. When another model was opened meanwhile, everything that still comes is dropped: the slices
 * are those of the new model by then.
 */
export async function runJob<E extends { type: string }, R>(
  context: Context,
  job: EngineJob,
  steps: JobSteps<E, R>,
): Promise<void> {
  const { get } = context;
  const { current } = get().model;
  if (!current || engineJob(get())) return;
  let isOver = false;
  const isCurrent = () => !isOver && get().model.current === current;

  context.clear(JOBS[job].place);
  steps.start();
  if (steps.started) context.announce(steps.started);
  const stopSaying = sayQuarters(context, job);
  const events = batchEvents<E | ProgressEvent>((batch) => {
    if (!isCurrent()) return;
    const progress = batch.findLast(isProgress)?.progress;
    const others = batch.filter((event): event is E => !isProgress(event));
    steps.follow?.(others, progress ? { progress } : {});
  });
  try {
    const result = await steps.call({ onEvent: events.onEvent, flush: events.flush, isCurrent });
    events.flush();
    if (isCurrent()) context.announce(steps.take(result));
  } catch (error) {
    events.flush();
    if (isCurrent()) {
      const words = steps.stop(isCancelled(error));
      if (isCancelled(error)) context.announce(words);
      context.fail(JOBS[job].place, error);
    }
  } finally {
    events.stop();
    stopSaying();
    if (isCurrent()) await steps.settle?.({ isCurrent });
    if (isCurrent()) steps.end();
    isOver = true;
  }
}

/** Two sentences of a job are at least so far apart. */
const SAY_MS = 5000;

/** Says each quarter of a job, unless it goes by faster than one can listen. */
function sayQuarters({ store, now, announce }: Context, job: EngineJob): () => void {
  let said = 0;
  let at = now();
  return store.subscribe((state) => {
    const share = JOBS[job].runs(state) ? JOBS[job].share(state) : null;
    if (!share || share.total <= 0) return;
    const quarter = Math.min(3, Math.floor((4 * share.done) / share.total));
    if (quarter <= said) return;
    said = quarter;
    const time = now();
    if (time - at < SAY_MS) return;
    at = time;
    announce(`${JOBS[job].title}: ${25 * quarter} % done.`);
  });
}

const isProgress = (event: { type: string }): event is ProgressEvent => event.type === 'progress';
