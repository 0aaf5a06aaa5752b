// What becomes of thrown values: codes survive, memory that ran out is told from faults of ours.

import { expect, it } from 'vitest';
import { EspalierError, isCancelled, toReport } from './errors.ts';

it('keeps coded errors and cancellations as they are', () => {
  const error = new EspalierError('too-large', 'The zip has 7 entries.', 'Unpack it.', 'detail');
  expect(toReport(error)).toEqual({
    code: 'too-large',
    message: 'The zip has 7 entries.',
    hint: 'Unpack it.',
    detail: 'detail',
  });
  const abort = new DOMException('stopped', 'AbortError');
  expect([isCancelled(abort), toReport(abort).code]).toEqual([true, 'cancelled']);
});

it('knows memory that ran out, in the words of every engine', () => {
  let real: unknown;
  try {
    real = new ArrayBuffer(2 ** 52);
  } catch (error) {
    real = error;
  }
  const gecko = Object.assign(new Error('allocation size overflow'), { name: 'InternalError' });
  for (const error of [real, gecko, new RangeError('Out of memory')])
    expect(toReport(error).code).toBe('out-of-memory');
  for (const error of [
    new RangeError('Invalid typed array length: -1'),
    new Error('out of memory of what was said'),
  ])
    expect(toReport(error).code).toBe('bug');
});
