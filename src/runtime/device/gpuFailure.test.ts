// What a failed run of the GPU is put down to.

import { expect, it } from 'vitest';
import { GpuFailure } from './gpuFailure.ts';

function device() {
  let lose = (_: { message: string }): void => {};
  const lost = new Promise<{ message: string }>((resolve) => {
    lose = resolve;
  });
  const gpu = { lost, addEventListener: () => {} } as unknown as GPUDevice;
  return { failure: new GpuFailure(gpu), lose: () => lose({ message: 'gone' }) };
}

it('is the loss of the device, also when it is told of after what it has broken', async () => {
  const { failure, lose } = device();
  const run = failure.guard(Promise.reject(new Error('Buffer was unmapped')));
  setTimeout(lose);
  await expect(run).rejects.toMatchObject({ code: 'device-lost' });
  await expect(failure.guard(new Promise(() => {}))).rejects.toMatchObject({ code: 'device-lost' });
});

it('is its own where the device stays', async () => {
  const { failure } = device();
  await expect(failure.guard(Promise.reject(new Error('no kernel')))).rejects.toThrow('no kernel');
  expect(await failure.guard(Promise.resolve(1))).toBe(1);
});
