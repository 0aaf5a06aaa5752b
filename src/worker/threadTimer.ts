// Entry of a worker that times a decoder block on a given number of threads and is then discarded.

import { makeWebLoader } from '../runtime/device/ort.web.ts';
import { timeBlock } from '../runtime/device/threads.ts';

self.onmessage = async ({ data: threads }: MessageEvent<number>) => {
  const loader = makeWebLoader(async () => ({ threads, runs: [] }));
  self.postMessage(await timeBlock(loader).catch(() => null));
};
