// Float32 constants as float16: rounded now where they are in memory, as they are written where
// they are in a file.

import { derive } from '../../onnx/bytes.ts';
import { type Attribute, DataType, type Node, type Tensor } from '../../onnx/graph.ts';
import { HALF_MAX, narrowed } from '../../onnx/half.ts';
import { maskValue, refuseHalf } from '../../onnx/transforms.ts';
import { isAttentionMask, isClipLimit } from './masks.ts';
import type { Wires } from './wires.ts';

const NARROW = 'float32-to-float16';

/**
 * @param value the graph value that the tensor is: what reads it says whether it may be clamped
 * @throws EspalierError `bad-input` naming the value, for bytes in memory that float16 cannot hold
 */
export function halfTensor(wires: Wires, tensor: Tensor, value: string): Tensor {
  const { data } = tensor;
  if (!(data instanceof Uint8Array)) {
    const parameters = isAttentionMask(wires, value) ? { mask: true } : undefined;
    return { ...tensor, type: DataType.float16, data: derive(NARROW, [data], value, parameters) };
  }
  const bytes = narrowed(data, (beyond) => {
    if (isClipLimit(wires, value)) return Math.sign(beyond) * HALF_MAX;
    return (isAttentionMask(wires, value) ? maskValue : refuseHalf)(value, beyond);
  });
  return { ...tensor, type: DataType.float16, data: bytes };
}

/**
 * A tensor that stays float32, with the numbers of a mask made such as float16 can hold: what a
 * mask is made of in float32 is cast in the end.
 */
export function fullTensor(wires: Wires, tensor: Tensor, value: string): Tensor {
  const { data, type } = tensor;
  if (type !== DataType.float || !(data instanceof Uint8Array)) return tensor;
  const floats = new Float32Array(data.slice().buffer);
  const beyond = (x: number): boolean => Number.isFinite(x) && Math.abs(x) > HALF_MAX;
  if (!floats.some(beyond) || !isAttentionMask(wires, value)) return tensor;
  const kept = floats.map((x) => (beyond(x) ? maskValue(value, x) : x));
  return { ...tensor, data: new Uint8Array(kept.buffer) };
}

/** The constant of a Constant or ConstantOfShape node as a tensor, or null where it is no float. */
export function constantOf(node: Node): Tensor | null {
  const value = node.attributes.get('value');
  if (value?.kind === 'tensor') return value.value.type === DataType.float ? value.value : null;
  const single = node.attributes.get('value_float');
  const many = node.attributes.get('value_floats');
  const floats = single?.kind === 'float' ? [single.value] : many?.kind === 'floats' && many.value;
  if (floats) return tensorOf(floats, single ? [] : [floats.length]);
  // What ConstantOfShape fills with when nothing is said.
  return node.op === 'ConstantOfShape' ? tensorOf([0], [1]) : null;
}

/** The node with another constant. */
export function withConstant(node: Node, value: Tensor): Node {
  const attribute: Attribute = { name: 'value', kind: 'tensor', value };
  return { ...node, attributes: new Map([['value', attribute]]) };
}

function tensorOf(values: readonly number[], dims: readonly number[]): Tensor {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name: '', type: DataType.float, dims, data };
}
