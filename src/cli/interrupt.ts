// Ctrl-C while a command works.

/** Programs that start this one may pass Ctrl-C on, so that it comes twice. */
const ONE_PRESS_MS = 1000;

/**
 * Runs `work`, which Ctrl-C ends: its signal is aborted, and what it throws then is thrown.
 * @param onFirst where given, the first Ctrl-C calls it instead and the second one ends the work
 */
export async function untilInterrupted<T>(
  work: (signal: AbortSignal) => Promise<T>,
  onFirst?: () => void,
): Promise<T> {
  const end = new AbortController();
  let last = Number.NEGATIVE_INFINITY;
  let first = onFirst;
  const onInterrupt = (): void => {
    const again = performance.now() - last < ONE_PRESS_MS;
    last = performance.now();
    if (again) return;
    if (!first) end.abort();
    first?.();
    first = undefined;
  };
  process.on('SIGINT', onInterrupt);
  try {
    return await work(end.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
