// Chooses the device for a variant from what was requested, what the self-test found, and what its
// graph needs.

import type { BrowserDeviceKind } from '../../contract/device.ts';
import type { VariantRequest } from '../../contract/variant.ts';
import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { DataType, intAttribute } from '../../onnx/graph.ts';
import type { Engine } from '../device/engine.ts';
import { openNative } from '../device/native/engine.ts';
import { nativeGap, nativeTestOnce } from '../device/native/selfTest.ts';
import type { OrtLoader } from '../device/ort.ts';
import { routesOf } from '../device/selfTest.ts';
import { openWasm, WASM_LIMITS } from '../device/wasmEngine.ts';
import { openWebgpu } from '../device/webgpuEngine.ts';
import { deviceObstacle } from './runnable.ts';

export interface ChosenDevice {
  engine: Engine;
  /** Why it is not the requested device; sentences for people. */
  notes: string[];
}

/**
 * `auto` takes the device that was chosen for the model, or else the GPU where it has passed its
 * self-test and the graph runs correctly on it. A GPU that is requested must pass, but a graph that
 * it cannot run goes to wasm with a note; so does one with an operator that the native CPU gets
 * wrong.
 * @throws EspalierError `no-webgpu` when WebGPU is requested and there is none that may be used,
 *   `bad-input` when `cpu` is requested and there is no native ONNX Runtime.
 */
export async function openVariantDevice(
  opened: OpenedModel,
  request: Pick<VariantRequest, 'device' | 'chosen' | 'selfTest'>,
  loader: OrtLoader,
): Promise<ChosenDevice> {
  const notes: string[] = [];
  const onWasm = async (): Promise<ChosenDevice> => ({ engine: await openWasm(loader), notes });
  const { device, chosen, selfTest } = request;
  if (device === 'wasm' || (device === 'auto' && chosen === 'wasm')) return onWasm();
  if (device === 'cpu') {
    const { graph } = opened.structure.model;
    const gap = nativeGap(await nativeTestOnce(loader), graph, 'inside');
    if (gap === null) return { engine: await openNative(loader), notes };
    notes.push(`${gap} The model runs on the CPU (wasm).`);
    return onWasm();
  }
  const routes = selfTest ? routesOf(selfTest.checks) : null;
  if (!routes?.usable) {
    const failed = selfTest?.checks.filter((check) => !check.ok).map((check) => check.name) ?? [];
    const reason = selfTest
      ? `The GPU failed its self-test (${failed.join(', ')}).`
      : 'This browser or machine has no WebGPU adapter that may be used.';
    if (device === 'webgpu')
      throw new EspalierError(
        'no-webgpu',
        reason,
        'Choose the CPU (wasm), or use a recent Chrome or Edge with hardware acceleration on.',
      );
    if (selfTest) notes.push(`${reason} The model runs on the CPU (wasm).`);
    return onWasm();
  }
  const reason = deviceObstacle('webgpu', opened);
  if (reason) {
    notes.push(`${reason} The model runs on the CPU (wasm).`);
    return onWasm();
  }
  const engine = await openWebgpu(loader, { subgroups: routes.subgroups });
  if (needsFloat16(opened) && !engine.float16) {
    await engine.dispose();
    notes.push(
      'This graph computes in float16, which the GPU does not offer (shader-f16): the model ' +
        'runs on the CPU (wasm).',
    );
    return onWasm();
  }
  return { engine, notes };
}

/**
 * True when this kind of device can run the unchanged graph.
 * @param float16 the GPU computes in it
 */
export function canRunWhole(
  kind: BrowserDeviceKind,
  opened: OpenedModel,
  float16: boolean,
): boolean {
  if (deviceObstacle(kind, opened) !== null) return false;
  if (kind === 'wasm') return opened.summary.bytes < WASM_LIMITS.maxGraphBytes;
  return float16 || !needsFloat16(opened);
}

/**
 * True when a value of the graph is float16: an input or output, a weight, or the result of a Cast.
 */
function needsFloat16({ structure }: OpenedModel): boolean {
  const { inputs, outputs, initializers, nodes } = structure.model.graph;
  return (
    [...inputs, ...outputs, ...initializers.values()].some(
      ({ type }) => type === DataType.float16,
    ) || nodes.some((node) => node.op === 'Cast' && intAttribute(node, 'to') === DataType.float16)
  );
}
