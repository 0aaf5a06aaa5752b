// Waiting that ends with the signal, although what is waited for goes on; must not stop the work
// itself.

import { cancelled, throwIfCancelled } from './errors.ts';

/** The result of `work`, unless the signal comes first. @throws EspalierError `cancelled`. */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  throwIfCancelled(signal);
  if (!signal) return work;
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelled());
    signal.addEventListener('abort', stop, { once: true });
  });
  aborted.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
