// The sample model on one device, and the numbers that PyTorch and ONNX Runtime gave for it.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import exact from '../../e2e/fixtures/golden/sample.json' with { type: 'json' };
import quantized from '../../e2e/fixtures/golden/sample-q4.json' with { type: 'json' };
import type { SelfTest } from '../../src/contract/device.ts';
import { type OpenedModel, openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { nativeObstacle } from '../../src/runtime/device/native/engine.ts';
import { createNodeLoader, nodeLoader } from '../../src/runtime/device/ort.node.ts';
import type { OrtLoader } from '../../src/runtime/device/ort.ts';
import { openRouted, type RoutedSession } from '../../src/runtime/score/route.ts';

export const GOLDEN = { exact, quantized: quantized.level0 };

/** A kind of device with the loader that opens it. */
export interface Target {
  kind: 'webgpu' | 'cpu' | 'wasm';
  loader: OrtLoader;
}

export const GPU: Target = { kind: 'webgpu', loader: nodeLoader };

/** Figures of whichever CPU there is are called alike; `details` say which it was. */
export const side = (kind: Target['kind']): 'webgpu' | 'cpu' =>
  kind === 'webgpu' ? 'webgpu' : 'cpu';

/** The CPU device: native where there is one, else wasm; on every core. */
export async function cpuTarget(): Promise<Target> {
  if ((await nativeObstacle(nodeLoader)) === null) return { kind: 'cpu', loader: nodeLoader };
  return { kind: 'wasm', loader: createNodeLoader({ threads: availableParallelism() }) };
}

/** Opens a graph of the sample, hands it on and closes its files. */
export async function withSample<T>(
  root: string,
  graph: 'onnx/model.onnx' | 'onnx/model_q4.onnx',
  use: (opened: OpenedModel) => Promise<T>,
): Promise<T> {
  const folder = await nodeFolder(join(root, 'public/sample'));
  try {
    return await use(await openModel(folder, graph));
  } finally {
    await folder.close();
  }
}

/** A scoring session on this very device. @throws Error where the model ran on another */
export async function sessionOn(
  opened: OpenedModel,
  { kind, loader }: Target,
  selfTest: SelfTest | null,
): Promise<RoutedSession> {
  const routed = await openRouted(opened, loader, kind, async () => selfTest);
  const { engine, notes } = routed;
  if (engine.kind !== kind) throw new Error(notes.join(' ') || `It ran on ${engine.name}.`);
  return routed;
}
