// The device of the open model on the page: heard of when it is known, forgotten with the model.

import { expect, test } from 'vitest';
import type { DeviceChoice } from '../../contract/device.ts';
import { FAKE_CHOICE } from '../testing/fakeStudio.ts';
import { setUp, until } from '../testing/setUp.ts';
import { deviceOf, wholeDeviceOf } from './selectors.ts';

function asked() {
  const tell: ((choice: DeviceChoice) => void)[] = [];
  const choice = () => new Promise<DeviceChoice>((resolve) => tell.push(resolve));
  return { ...setUp({}, { choice }), tell };
}

test('what auto means is shown once it is known, and memory is estimated for it', async () => {
  const { actions, get, studio, tell } = asked();
  await actions.openSample();
  await until(() => get().device.report !== null && get().score.memory !== null);
  expect(deviceOf(get(), 'auto')).toBe(get().device.report!.preferred);
  const estimates = () => studio.calls.filter(({ name }) => name === 'memory').length;
  const before = estimates();
  tell[0]!({ ...FAKE_CHOICE, kind: 'webgpu', whole: 'wasm' });
  await until(() => get().device.choice !== null);
  expect([deviceOf(get(), 'auto'), wholeDeviceOf(get(), 'auto')]).toEqual(['webgpu', 'wasm']);
  expect([deviceOf(get(), 'wasm'), wholeDeviceOf(get(), 'webgpu')]).toEqual(['wasm', 'webgpu']);
  expect(estimates()).toBe(before + 1);
});

test('a choice belongs to the model that it was made for', async () => {
  const { actions, get, tell } = asked();
  await actions.openSample();
  tell[0]!(FAKE_CHOICE);
  await until(() => get().device.choice !== null);
  await actions.openSource({ kind: 'files', name: 'another', files: [] });
  expect(get().device.choice).toBeNull();
  await actions.openSource({ kind: 'files', name: 'a third', files: [] });
  // Heard too late of the one before.
  tell[1]!(FAKE_CHOICE);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(get().device.choice).toBeNull();
  tell[2]!(FAKE_CHOICE);
  await until(() => get().device.choice !== null);
});
