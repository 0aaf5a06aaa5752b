// The devices by name.

import type { DeviceKind } from '../contract/device.ts';

export const DEVICE_NAMES: Readonly<Record<DeviceKind, string>> = {
  webgpu: 'WebGPU',
  wasm: 'CPU (wasm)',
};
