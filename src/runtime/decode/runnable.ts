// Whether a graph file can run unchanged on a kind of device: operators without a kernel, or with
// one that is known to be wrong.

import type { DeviceKind } from '../../contract/device.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { kernelObstacle } from '../../model/programs/kernels.ts';
import { floatAttribute, type Node } from '../../onnx/graph.ts';

/**
 * Inputs of GroupQueryAttention that hold the weights of head norms (onnxruntime contrib
 * operators).
 */
const HEAD_NORM_INPUTS = [14, 15];

/**
 * Why the unchanged graph cannot run on this kind of device, or null. Score programs are rewritten
 * and need not ask.
 */
export function deviceObstacle(kind: DeviceKind, { structure }: OpenedModel): string | null {
  const lacking = kernelObstacle(structure.model.graph, kind);
  if (lacking !== null) return lacking;
  const attention = structure.model.graph.nodes.filter((node) => node.op === 'GroupQueryAttention');
  if (kind !== 'webgpu' && attention.some(hasHeadNorms))
    return (
      'The attention of this graph normalises its heads inside the operator, for which ONNX ' +
      'Runtime has no CPU kernel: only WebGPU runs the file as it is.'
    );
  if (kind === 'webgpu' && attention.some((node) => (floatAttribute(node, 'softcap') ?? 0) > 0))
    return (
      'The attention of this graph has a soft cap, which the WebGPU kernel ignores without an ' +
      'error: only the CPU runs the file correctly.'
    );
  return null;
}

/** What to do where a device cannot run the model. */
export function deviceAdvice(kind: DeviceKind, opened: OpenedModel): string {
  return deviceObstacle(kind === 'webgpu' ? 'wasm' : 'webgpu', opened) === null
    ? 'Use the other device.'
    : 'The other device cannot either. Removing blocks and exporting need no run.';
}

function hasHeadNorms(node: Node): boolean {
  return HEAD_NORM_INPUTS.some((slot) => (node.inputs[slot] ?? '') !== '');
}
