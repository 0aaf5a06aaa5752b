// Entry of a worker that times a decoder block on a given number of threads and is then discarded.

import { loadPlain } from '../runtime/device/ort.webPlain.ts';
import { timeBlock } from '../runtime/device/threads.ts';

self.onmessage = async ({ data: threads }: MessageEvent<number>) => {
  const loader = { load: () => loadPlain(threads), gpu: async () => null };
  self.postMessage(await timeBlock(loader).catch(() => null));
};
