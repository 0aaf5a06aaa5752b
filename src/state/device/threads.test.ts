// What the page says of threads.

import { expect, it } from 'vitest';
import type { DeviceReport } from '../../contract/device.ts';
import { hasThreadsOfNow } from './selectors.ts';

it('tells times on another number of threads from those of now', () => {
  const report = (threads?: number): DeviceReport => ({
    preferred: 'wasm',
    webgpu: false,
    adapter: '',
    reason: null,
    features: [],
    maxBufferBytes: 0,
    selfTest: null,
    ...(threads && { threads: { threads, runs: [] } }),
  });
  const one = { kind: 'wasm', name: 'CPU (wasm)' } as const;
  const four = { kind: 'wasm', name: 'CPU (wasm, 4 threads)' } as const;
  expect([one, four].map((used) => hasThreadsOfNow(used, report(4)))).toEqual([false, true]);
  expect([one, four].map((used) => hasThreadsOfNow(used, report()))).toEqual([true, false]);
  expect(hasThreadsOfNow(four, null)).toBe(true);
  expect(hasThreadsOfNow(four, { ...report(), preferred: 'webgpu' })).toBe(true);
  expect(hasThreadsOfNow({ kind: 'webgpu', name: 'a GPU' }, report(4))).toBe(true);
});
