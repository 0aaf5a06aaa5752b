// The CPU devices of this machine, for tests: wasm everywhere, native where its package is
// installed.

import type { Engine } from '../device/engine.ts';
import { nativeObstacle, openNative } from '../device/native/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import type { OrtLoader } from '../device/ort.ts';
import { openWasm } from '../device/wasmEngine.ts';

export type CpuKind = 'cpu' | 'wasm';

/** Native ONNX Runtime is optional: what needs it is skipped where it is not installed. */
export const HAS_NATIVE: boolean = (await nativeObstacle(nodeLoader)) === null;

export const CPU_KINDS: readonly CpuKind[] = HAS_NATIVE ? ['cpu', 'wasm'] : ['wasm'];

/** The device that the command line takes when none is named, and its package. */
export const DEFAULT_KIND: CpuKind = HAS_NATIVE ? 'cpu' : 'wasm';
export const PACKAGES = { cpu: 'onnxruntime-node', wasm: 'onnxruntime-web' } as const;

export function openCpu(kind: CpuKind): Promise<Engine> {
  return kind === 'cpu' ? openNative(nodeLoader) : openWasm(nodeLoader);
}

/** As on a machine without a GPU, whatever this one has. */
export const loaderWithoutGpu: OrtLoader = { ...nodeLoader, gpu: async () => null };
