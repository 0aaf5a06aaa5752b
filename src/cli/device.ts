// The device of a command: which one is meant, and where ONNX Runtime comes from.

import type { DeviceKind } from '../contract/device.ts';
import type { Engine } from '../runtime/device/engine.ts';
import { nativeObstacle, openNative } from '../runtime/device/native/engine.ts';
import { createNodeLoader, nodeLoader } from '../runtime/device/ort.node.ts';
import type { OrtLoader } from '../runtime/device/ort.ts';
import { openWasm } from '../runtime/device/wasmEngine.ts';
import { openWebgpu } from '../runtime/device/webgpuEngine.ts';
import { note } from './output.ts';
import type { RunValues } from './sharedOptions.ts';

interface ChosenDevice {
  kind: DeviceKind;
  loader: OrtLoader;
}

const loaders = new Map<number | undefined, OrtLoader>([[undefined, nodeLoader]]);

/**
 * The device that is asked for. Native ONNX Runtime is the default, and the CPU (wasm) stands in
 * where it is not installed, with a note.
 */
export async function chosenDevice({ device, threads }: RunValues): Promise<ChosenDevice> {
  const loader = loaders.get(threads) ?? createNodeLoader({ threads });
  loaders.set(threads, loader);
  const kind = device ?? 'cpu';
  const obstacle = kind === 'cpu' ? await nativeObstacle(loader) : null;
  if (obstacle === null) return { kind, loader };
  note(`${obstacle} The model runs on the CPU (wasm), which is several times slower.`);
  return { kind: 'wasm', loader };
}

/** The device alone, for what is not scored. @throws EspalierError `no-webgpu` */
export async function openEngine(values: RunValues): Promise<Engine> {
  const { kind, loader } = await chosenDevice(values);
  if (kind === 'webgpu') return openWebgpu(loader);
  return kind === 'cpu' ? openNative(loader) : openWasm(loader);
}

/** What ran the model, on standard error. */
export function noteDevice(name: string, runtime: string): void {
  note(`Ran on ${name}, ${runtime}.`);
}
