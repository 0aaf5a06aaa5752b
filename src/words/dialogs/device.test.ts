// What the device dialog says of threads.

import { expect, it } from 'vitest';
import { threadWords } from './device.ts';

it('says the threads and what they gain', () => {
  const runs = [
    { threads: 1, seconds: 8 },
    { threads: 2, seconds: 4.1 },
    { threads: 4, seconds: 2.75 },
  ];
  expect(threadWords(4, runs)).toBe('4 threads: 2.9 x one thread');
  expect(threadWords(2, runs)).toBe('2 threads: 2.0 x one thread');
  expect(threadWords(1, runs.slice(0, 2))).toBe('1 thread (2 threads: 2.0 x its speed)');
  expect(threadWords(1, runs.slice(0, 1))).toBe('1 thread');
});
