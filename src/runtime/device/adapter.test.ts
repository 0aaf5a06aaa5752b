// What is said of an adapter.

import { expect, test } from 'vitest';
import { describeAdapter } from './adapter.ts';

const limits = { maxBufferSize: 8, maxStorageBufferBindingSize: 4 };

function adapter(info: Partial<GPUAdapterInfo>): GPUAdapter {
  const whole = { vendor: '', architecture: '', description: '', device: '', ...info };
  return { info: whole, features: new Set(), limits } as unknown as GPUAdapter;
}

test('an adapter that computes on the CPU is known by its flag or its name', () => {
  const isSoftware = (info: Partial<GPUAdapterInfo>): boolean =>
    describeAdapter(adapter(info)).isSoftware;
  expect(isSoftware({ vendor: 'nvidia', architecture: 'hopper' })).toBe(false);
  expect(isSoftware({ vendor: 'google', isFallbackAdapter: true })).toBe(true);
  // Mesa's says that it is none.
  const mesa = { isFallbackAdapter: false, description: 'llvmpipe (LLVM 19.1.7, 256 bits)' };
  expect(isSoftware(mesa)).toBe(true);
  expect(isSoftware({ device: 'SwiftShader Device (Subzero)', description: 'vendor' })).toBe(true);
});

test('the largest buffer is the one that can also be bound', () => {
  expect(describeAdapter(adapter({})).maxBufferBytes).toBe(4);
});
