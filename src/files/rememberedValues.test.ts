// Remembered values where the browser refuses storage by throwing at once.

import { afterEach, expect, it, vi } from 'vitest';
import { recallChoice, recallNumbers, rememberChoice } from './rememberedValues.ts';

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'indexedDB');
});

it('remembers nothing and throws nothing when IndexedDB refuses', async () => {
  const refuse = vi.fn(() => {
    throw new DOMException('refused', 'SecurityError');
  });
  Object.defineProperty(globalThis, 'indexedDB', { configurable: true, get: refuse });
  await expect(rememberChoice('switch', true)).resolves.toBeUndefined();
  await expect(recallChoice('switch')).resolves.toBeNull();
  await expect(recallNumbers('numbers')).resolves.toBeNull();
  expect(refuse).toHaveBeenCalled();
});
