// The stored tensor behind a constant operand, through nodes that turn or retype it.

import type { Graph, Node, Tensor } from '../../../onnx/graph.ts';

/** A constant operand along one of its axes. */
export interface ConstantAxis {
  tensor: Tensor;
  /** The axis of the stored tensor. */
  axis: number;
  /** From the stored tensor to the operand. */
  nodes: readonly Node[];
}

/** @returns null where the operand is computed in a way that does not keep its axes apart */
export function constantAxis(
  graph: Graph,
  producerOf: (value: string) => Node | undefined,
  value: string,
  axis: number,
): ConstantAxis | null {
  const tensor = graph.initializers.get(value);
  if (tensor) return { tensor, axis, nodes: [] };
  const node = producerOf(value);
  const [source = ''] = node?.inputs ?? [];
  switch (node?.op) {
    case 'Constant': {
      const held = node.attributes.get('value');
      return held?.kind === 'tensor'
        ? { tensor: { ...held.value, name: value }, axis, nodes: [] }
        : null;
    }
    case 'Cast':
    case 'Identity': {
      const found = constantAxis(graph, producerOf, source, axis);
      return found && { ...found, nodes: [...found.nodes, node] };
    }
    case 'Transpose': {
      const given = node.attributes.get('perm');
      const before = given?.kind === 'ints' ? (given.value[axis] ?? axis) : 1 - axis;
      const found = constantAxis(graph, producerOf, source, before);
      const isMatrix = given?.kind === 'ints' || found?.tensor.dims.length === 2;
      return found && isMatrix ? { ...found, nodes: [...found.nodes, node] } : null;
    }
    default:
      return null;
  }
}
