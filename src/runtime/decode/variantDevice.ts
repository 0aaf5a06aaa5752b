// Chooses the device for a variant from what was asked, what the self-test found and what its graph
// needs; must not load the graph.

import type { VariantRequest } from '../../contract/variant.ts';
import { EspalierError } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { DataType, intAttribute } from '../../onnx/graph.ts';
import type { Engine } from '../device/engine.ts';
import type { OrtLoader } from '../device/ort.ts';
import { routesOf } from '../device/selfTest.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { openWebgpu } from '../device/webgpuEngine.ts';
import { whyNotOn } from './runnable.ts';

export interface ChosenDevice {
  engine: Engine;
  /** Why it is another device than asked for; sentences for people. */
  notes: string[];
}

/**
 * `auto` takes the GPU where it passed its self-test and the graph runs rightly on it; a GPU that
 * was asked for must pass, but a graph that must not run on it goes to wasm with a note.
 * @throws EspalierError `no-webgpu` when WebGPU is asked for and there is none that may be used.
 */
export async function chooseDevice(
  opened: OpenedModel,
  request: Pick<VariantRequest, 'device' | 'selfTest'>,
  loader: OrtLoader,
): Promise<ChosenDevice> {
  const notes: string[] = [];
  const onWasm = async (): Promise<ChosenDevice> => ({ engine: await openWasm(loader), notes });
  const { device, selfTest } = request;
  if (device === 'wasm') return onWasm();
  const routes = selfTest ? routesOf(selfTest.checks) : null;
  if (!routes?.usable) {
    const failed = selfTest?.checks.filter((check) => !check.ok).map((check) => check.name) ?? [];
    const reason = selfTest
      ? `The GPU failed its self-test (${failed.join(', ')}).`
      : 'There is no WebGPU adapter here that may be used.';
    if (device === 'webgpu')
      throw new EspalierError(
        'no-webgpu',
        reason,
        'Choose the wasm device, or use a recent Chrome or Edge with hardware acceleration on.',
      );
    if (selfTest) notes.push(`${reason} The wasm device is used.`);
    return onWasm();
  }
  const reason = whyNotOn('webgpu', opened);
  if (reason) {
    notes.push(`${reason} The wasm device is used.`);
    return onWasm();
  }
  const engine = await openWebgpu(loader, { subgroups: routes.subgroups });
  if (needsFloat16(opened) && !engine.float16) {
    await engine.dispose();
    notes.push(
      'This graph computes in float16 and the GPU offers no shader-f16: the wasm device is used.',
    );
    return onWasm();
  }
  return { engine, notes };
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
