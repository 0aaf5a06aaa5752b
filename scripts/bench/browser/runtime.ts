// The ONNX Runtime that every contestant gets: the build that the product loads for the device.

import { loadOrt, type OrtRuntime } from '../../../src/runtime/device/ort.ts';
import { webLoader } from '../../../src/runtime/device/ort.web.ts';
import type { Device, Loaded } from './contract.ts';

export function runtimeFor(device: Device): Promise<OrtRuntime> {
  if (device === 'wasm') return loadOrt(webLoader, 'plain');
  return loadOrt(webLoader, 'Suspending' in WebAssembly ? 'jspi' : 'asyncify');
}

export function ortOf({ ort, version, build }: OrtRuntime): Loaded['ort'] {
  return { version, build, threads: ort.env.wasm.numThreads ?? 1 };
}
