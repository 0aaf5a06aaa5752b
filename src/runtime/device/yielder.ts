// Lets the event loop turn between runs so that cancel messages arrive.

/** One macrotask. A message, not a timer: timers are clamped to 4 ms in browsers. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Yields only when the loop has not turned for `everyMs`. */
export function createYielder(everyMs = 12): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < everyMs) return;
    await macrotask();
    last = performance.now();
  };
}
