// Joins the events of a fast job, so that the page follows it a few times per second. None is
// dropped or reordered.

/** The page redraws what grows no more often than this. */
const BATCH_MS = 80;

export interface EventBatcher<E> {
  onEvent(event: E): void;
  /** Hands over what waits, at once. */
  flush(): void;
  /** Hands over nothing more. */
  stop(): void;
}

export function batchEvents<E>(apply: (events: readonly E[]) => void): EventBatcher<E> {
  let waiting: E[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const events = waiting;
    waiting = [];
    if (events.length > 0) apply(events);
  }
  return {
    flush,
    stop: () => clearTimeout(timer),
    onEvent(event) {
      waiting.push(event);
      timer ??= setTimeout(flush, BATCH_MS);
    },
  };
}
